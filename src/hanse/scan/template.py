"""Chat templates (Jinja): what they reach for outside the conversation, and what they say that nobody wrote.

Loaders render them when a model is used: llama.cpp and llama-cpp-python from GGUF, transformers from tokenizer_config.json and
chat_template.jinja. Nothing is rendered here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hanse.scan import jinjaparse
from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.ruleset import Hit
from hanse.scan.source import BytesSource, Source
from hanse.scan.targets import is_prose
from hanse.scan.textual import decoded, looks_like_text
from hanse.scan.walk import JOINER, ViewBuilder, Walk, join

MAX_FILE = 1024 * 1024
NAMES_EACH = 60
ELSE = (".py", ".pyi", ".md", ".rst", ".html", ".htm", ".js", ".ts", ".css", ".c", ".h", ".cpp", ".ipynb", ".po", ".pyx", ".csv")
"""Endings of members that hold templates as text at most."""
_BLOCK = re.compile(
    rb"\{%[-+]?\s*(?:if|for|set|macro|raw|include|import|from|extends|block|call|filter|with|generation)\b|\{\{[-+]?\s*[\w'\"(\[{]"
)
_TOKENS = re.compile(r"__[a-zA-Z]\w{0,60}__|\b(?:gi|cr|ag|tb|f)_(?:frame|code|globals|builtins|back)\b|\bmro\b|\|\s*attr\b")


def claims(head: bytes, source: Source) -> bool:
    """Tell whether content is text with Jinja blocks in its first MAX_FILE bytes, and no JSON document."""
    if not looks_like_text(head) or (head.lstrip()[:1] == b"{" and head.lstrip()[1:2] not in {b"%", b"{", b"#"}):
        return False
    data = head if source.size <= len(head) else source.read_at(0, MAX_FILE)
    return _BLOCK.search(data) is not None


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Read a template that is a file of its own, or a member of an archive unless its name says that it is something else."""
    if view.member.lower().endswith(ELSE):
        view.see("other")
        return
    observe_into(decoded(source.read_at(0, MAX_FILE + 1)), view, walk)


def observe_text(text: str, member: str, name: str, walk: Walk) -> None:
    """Add a view of a template inside a file. name: of the entry that holds it."""
    data = text.encode("utf-8", "replace")
    walk.budget.spend("members")
    with walk.view("template", join(member, name), BytesSource(data), executes=True) as view:
        view.see("entry", name=name)
        observe_into(text, view, walk)


def observe_into(text: str, view: ViewBuilder, walk: Walk) -> None:
    """Parse a template and record its fingerprint, what it reaches for and what it says."""
    walk.budget.spend("text", len(text))
    if not text.strip():
        view.see("empty")
        return
    walk.budget.spend("operations", 12 * min(len(text), jinjaparse.MAX_TEXT))
    try:
        template = jinjaparse.parse(text)
    except jinjaparse.Unparsed as error:
        found = sorted(set(_TOKENS.findall(text)))[:NAMES_EACH]
        view.see("deep" if error.deep else "unparsed", reason=error.reason, tokens=found)
        return
    from hanse.scan import jinjapoison, jinjawalk  # noqa: PLC0415 they import Jinja2, which is slow to start

    view.see("parsed", fingerprint=jinjaparse.fingerprint(template), size=len(text))
    inside = jinjawalk.TemplateWalk(view, walk)
    inside.run(template)
    for kind, names in inside.names.items():
        listed = sorted(names)
        for start in range(0, min(len(listed), 20 * NAMES_EACH), NAMES_EACH):
            view.see("uses", what=kind, names=listed[start : start + NAMES_EACH])
    jinjapoison.observe(template, view, walk)


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to a template: those about escapes always, those about words unless the template is known.

    Judged are entries of documents that loaders read, and files and members of archives whose own name says what they are.
    """
    entry = view.first("template.entry") is not None
    if is_prose(context, view.member.rpartition(JOINER)[0]) if entry else not _named(view, context):
        return
    yield from _escapes(view, context)
    yield from _broken(view, context)
    parsed = view.first("template.parsed")
    if parsed is None or parsed.data["fingerprint"] not in context.rules.names("template", "known"):
        yield from _words(view)


def _named(view: View, context: Context) -> bool:
    """Tell whether a name says that it is a template's; Jinja blocks in other text are somebody's example."""
    name, suffix = context.name_of(view.member), context.suffix_of(view.member)
    if suffix in context.rules.names("template", "suffixes"):
        return True
    if "chat_template" in name:
        return suffix not in context.rules.names("template", "programs")
    return "template" in name.split(".", 1)[0] and suffix not in context.rules.names("template", "documents")


def _chat(view: View, context: Context) -> bool:
    """Tell whether a loader takes this for a chat template, as opposed to any other file with Jinja blocks in it."""
    return view.first("template.entry") is not None or "chat_template" in context.place_of(view.member)


def _escapes(view: View, context: Context) -> Iterator[Hit]:
    rules = context.rules
    internals = rules.names("template", "internals")
    for one in view.all("template.access"):
        rule = _access_rule(one.data, internals, rules.names("template", "attribute_filters"))
        if rule:
            yield Hit(rule, view.member, callable=str(one.data["name"]), words=one.data)
    for one in view.all("template.uses"):
        wanted = {"attribute": "frames", "call": "running"}.get(str(one.data["what"]), "")
        for name in (name for name in one.data["names"] if name in rules.names("template", wanted)):
            rule = "TEMPLATE-ESCAPE" if wanted == "frames" else "TEMPLATE-RUNS"
            yield Hit(rule, view.member, callable=name, words={"name": name})
    for one in view.all("template.computed"):
        rule = "TEMPLATE-COMPUTED-ATTRIBUTE" if one.data["how"] == "attr" else "TEMPLATE-COMPUTED-ITEM"
        yield Hit(rule, view.member, words=one.data)
    for one in view.all("template.format"):
        yield Hit("TEMPLATE-ESCAPE", view.member, words={"name": one.data["text"]})
    for one in view.all("template.loads"):
        if _chat(view, context):
            yield Hit("TEMPLATE-LOADS", view.member, words=one.data)


def _access_rule(data: object, internals: frozenset[str], filters: frozenset[str]) -> str:
    """Return the rule about an access to a name with leading underscores, nothing if it is harmless."""
    if not isinstance(data, dict):
        return ""
    name, how = str(data["name"]), data["how"]
    dunder = name.startswith("__") and name.endswith("__") and len(name) > 4
    if name in internals or (dunder and (how != "item" and (how != "argument" or data.get("of") in filters))):
        return "TEMPLATE-ESCAPE"
    if how in {"attribute", "attr"} or (dunder and how == "item"):
        return "TEMPLATE-PRIVATE"
    return ""


def _broken(view: View, context: Context) -> Iterator[Hit]:
    internals = context.rules.names("template", "internals") | context.rules.names("template", "frames")
    for one in view.all("template.unparsed", "template.deep"):
        reached = sorted(set(one.data["tokens"]) & internals)
        if reached and _chat(view, context):
            yield Hit("TEMPLATE-ESCAPE", view.member, callable=reached[0], words={"name": ", ".join(reached)})
        elif one.data["reason"] == "too long":
            if reached or _chat(view, context) or context.suffix in context.rules.names("template", "suffixes"):
                yield Hit("TEMPLATE-LONG", view.member)
        elif one.kind == "template.deep" and _chat(view, context):
            yield Hit("TEMPLATE-DEEP", view.member)
        elif _chat(view, context):
            yield Hit("TEMPLATE-UNPARSED", view.member, words=one.data)
    for _one in view.all("template.empty"):
        yield Hit("TEMPLATE-EMPTY", view.member)


def _words(view: View) -> Iterator[Hit]:
    for one in view.all("template.trigger"):
        rule = "TEMPLATE-TRIGGER" if one.data["where"] == "message" else "TEMPLATE-TRIGGER-TOOL"
        yield Hit(rule, view.member, words=one.data)
    for one in view.all("template.invisible"):
        yield Hit("TEMPLATE-INVISIBLE", view.member, words=one.data)
    for one in view.all("template.encoded"):
        yield Hit("TEMPLATE-ENCODED", view.member, words=one.data)
    for one in view.all("template.address"):
        yield Hit("TEMPLATE-ADDRESS", view.member, words=one.data)


FORMATS = (Format("template", True, judge, claims, observe),)
