"""TorchScript source: which operators and names a compiled model uses. Its interpreter has file operators."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hanse.scan.facts import View
from hanse.scan.formats import Context
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.walk import ViewBuilder, Walk

MAX_SOURCE = 8 * 1024 * 1024
MAX_NAMES = 1_000
CHUNK = 64
ROOTS = ("torch", "ops")
_TOKEN = re.compile(
    r"#[^\n]*"
    r"|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'"
    r"|(?P<name>[A-Za-z_]\w*(?:[ \t]*\.[ \t]*[A-Za-z_]\w*)*)"
    r"|(?P<tail>\.[ \t]*[A-Za-z_]\w*)",
    re.ASCII | re.DOTALL,
)
_SPACE = re.compile(r"[ \t]+")


def names(text: str) -> Iterator[str]:
    """Yield what a source names, in order: `torch.x`, `ops.ns.x`, `.x` for methods, `def x`, and bare `torch` or `ops`."""
    define = False
    for match in _TOKEN.finditer(text):
        dotted = match["name"] or match["tail"]
        if not dotted:
            continue
        dotted = _SPACE.sub("", dotted) if " " in dotted or "\t" in dotted else dotted
        if define:
            yield f"def {dotted}"
        elif dotted.startswith(("torch.", "ops.")) or dotted in ROOTS:
            yield dotted
        elif "." in dotted and text[match.end() : match.end() + 1] in {"(", " "}:
            yield dotted[dotted.rindex(".") :]
        define = dotted == "def"


def observe_source(source: Source, name: str, view: ViewBuilder, walk: Walk) -> None:
    """Keep the different names of one source file; past MAX_NAMES or MAX_SOURCE the view stops."""
    walk.budget.spend("text", min(source.size, MAX_SOURCE))
    walk.budget.spend("operations", min(source.size, MAX_SOURCE) // 2)
    text = source.read_at(0, MAX_SOURCE).decode("utf-8", "backslashreplace")
    found = dict.fromkeys(names(text))
    kept = list(found)[:MAX_NAMES]
    for start in range(0, len(kept), CHUNK):
        view.see("script", None, source=name, names=kept[start : start + CHUNK])
    if source.size > MAX_SOURCE or len(found) > MAX_NAMES:
        view.stop("text")


def judge_source(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules about operators that reach files, operators nobody knows, and names that hide an operator."""
    seen = [(str(one.data["source"]), str(name)) for one in view.all("torch.script") for name in one.data["names"]]
    defined = {name[4:] for _, name in seen if name.startswith("def ")}
    files = context.rules.names("torch", "file_operators")
    spaces = context.rules.names("torch", "operator_spaces")
    for source, name in seen:
        words = {"source": source, "operator": name}
        last = name.rsplit(".", 1)[-1]
        if name in ROOTS or (name.startswith("ops.") and name.count(".") == 1):
            yield Hit("TORCHSCRIPT-ALIAS", view.member, words=words)
        elif name.startswith("def "):
            continue
        elif last in files and (name.startswith(("torch.", "ops.")) or last not in defined):
            yield Hit("TORCHSCRIPT-FILE-OPERATOR", view.member, callable=name, words=words)
        elif name.startswith("ops.") and name.split(".")[1] not in spaces:
            yield Hit("TORCHSCRIPT-CUSTOM-OPERATOR", view.member, callable=name, words={**words, "space": name.split(".")[1]})
