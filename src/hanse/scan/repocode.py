"""Python source that loaders fetch and run: modules named by `auto_map`, dataset scripts, handlers, setup scripts.

Facts are the callables that a program calls, with constants and where values come from; which of them matter, and when a
function is run by a loader, is the ruleset's to say.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from hanse.model.finding import Verdict
from hanse.scan.budget import MIB, Share
from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.python.lexer import Lexer
from hanse.scan.python.origins import LOADER_ENTRIES, PASSED
from hanse.scan.python.parser import Node
from hanse.scan.python.statements import Program
from hanse.scan.python.tracing import Tracer
from hanse.scan.python.values import UNKNOWN, Call, Trace, Value
from hanse.scan.pythonrules import judge_program
from hanse.scan.ruleset import Hit
from hanse.scan.source import BytesSource, Source
from hanse.scan.walk import JOINER, ViewBuilder, Walk, join

MAX_SOURCE = 4 * MIB
LOOK = 256 * 1024
SHORT = 16 * 1024
"""Bytes of text up to which the parser itself tells whether it is a program."""
MAX_CALLS = 1_500
MAX_NESTED = 20
MAX_SHOWN = 240
PROGRAM_COST = 1_500
STEP_COST = 3
"""Operations of the budget for one of the grammar's: half a microsecond against a sixth."""
ARCHIVES = ("zip", "tar", "7z")
MANIFEST = "MAR-INF/MANIFEST.json"
RUN_FROM = (MANIFEST, ".data/extern_modules")
"""Members of the archives from which loaders run programs."""

_LIKELY = re.compile(
    rb"^[ \t]*(?:import[ \t]+[A-Za-z_][\w.]*[ \t]*(?:[#,;\r\n]|as[ \t]|\Z)|from[ \t]+\.*[\w.]*[ \t]+import[ \t(\\*]"
    rb"|(?:async[ \t]+)?def[ \t]+[A-Za-z_\x80-\xff][\w\x80-\xff]*[ \t]*[(\[]"
    rb"|class[ \t]+[A-Za-z_\x80-\xff][\w\x80-\xff]*[ \t]*[:(\[]"
    rb"|@[A-Za-z_][\w.]*[ \t]*(?:[(\r\n]|\Z))"
    rb"|^[ \t]*(?:raise|try|if|for|while|with|assert)\b[^\n]*[:(]"
    rb"|(?<![\w.])(?:exec|eval|__import__|compile|getattr|open|globals|vars|locals|setattr)[ \t]*\("
    rb"|^[ \t]*[A-Za-z_\x80-\xff][\w.\x80-\xff]*\([^\n]*\)[ \t]*(?:[;#\r\n]|\Z)|;[ \t]*(?:import|from)[ \t]",
    re.MULTILINE,
)
_IDLE = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*+(?:\#[^\n]*+\s*+)*+"
    rb"(?:\Z|[rR]?(?:\"\"\"|''')|\"[^\"\n]*\"[ \t]*(?:\n|\Z)|[A-Za-z_]\w*[ \t]*(?::[^=\n]{1,80})?=(?!=)[ \t]*\S)"
)
"""A docstring, an assignment or nothing behind comments."""
_STRING = re.compile(rb'"(?:[^"\\\n]|\\.)*+"')
_JSON = re.compile(rb"[\s\[\]{}:,0-9.eE+\-truefalsnNIity]*\Z")
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]{1,40})")
_PLAIN_CODINGS = re.compile(r"utf-?8(-sig)?|ascii|us-ascii|latin-?1|iso-8859-\d{1,2}|cp125\d|windows-125\d|euc-\w+|gbk|gb2312|big5|koi8-r|shift-jis|utf8mb4|mac-?roman", re.IGNORECASE)  # fmt: skip  # noqa: E501
_TELLING = PASSED | frozenset(
    [
        "requests",
        "urllib",
        "urllib2",
        "urllib3",
        "httpx",
        "aiohttp",
        "socket",
        "http",
        "smtplib",
        "ftplib",
        "shutil",
        "pathlib",
        "open",
        "io",
        "codecs",
        "joblib",
        "dill",
        "asyncio",
        "cloudpickle",
        "pandas",
        "yaml",
        "shelve",
        "linecache",
        "websocket",
        "paramiko",
        "pip",
        "sys",
        "pexpect",
        "base64",
        "zlib",
        "types",
        "webbrowser",
        "tempfile",
    ]
)
"""Roots of names whose constant arguments are kept; of all others the name is enough."""


def claims(head: bytes, source: Source) -> bool:
    """Tell whether text could be a Python program: it has a line like one or is read as one, and is not plain JSON or markup."""
    if not head.strip() or b"\0" in head or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return False
    text = (head if source.size <= len(head) else source.read_at(0, LOOK)).replace(b"\r", b"\n")
    if text.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["} and _JSON.match(_STRING.sub(b"", _whole_lines(text, source))):
        return False
    tail = source.read_at(source.size - LOOK, LOOK) if LOOK < source.size <= MAX_SOURCE else b""
    likely = any(_LIKELY.search(part) for part in (text, tail.replace(b"\r", b"\n"))) or _IDLE.match(text) is not None
    return likely or any(_odd_coding(text)) or (source.size <= SHORT and Program(Lexer(text, _unpaid)).acts())


def _unpaid(_resource: str, _count: int) -> None:
    """Charge nothing: what SHORT bounds needs no budget."""


def _odd_coding(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of a declared encoding in which a program may say something else than its bytes show."""
    for number, line in enumerate(data[:400].splitlines()[:2]):
        if (found := _COOKIE.match(line)) and not _PLAIN_CODINGS.fullmatch(
            name := found[1].decode("ascii", "replace").replace("_", "-")
        ):
            yield number, name


def _whole_lines(text: bytes, source: Source) -> bytes:
    """Return text up to the last quote when more follows, so that no string is cut."""
    return text if source.size <= len(text) else text[: text.rfind(b'"', 0, text.rfind(b'"'))]


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Write down what the program calls; a text that is no program ends it early, since Python would run nothing of it.

    Members of archives that are not named like modules are nothing that anybody imports, and not read.
    """
    if view.member and not is_program(view.member):
        view.see("other")
        return
    data = source.read_at(0, min(source.size, MAX_SOURCE))
    walk.budget.spend("text", len(data))
    walk.budget.spend("operations", PROGRAM_COST)
    budget = Share(walk.budget, "programs", STEP_COST)
    lexer = Lexer(data, budget.spend)
    program = Program(lexer)
    whole = program.read()
    cut = whole and bool(program.cut or source.size > MAX_SOURCE)
    # Tables of constants read as programs, too; only the name tells whether it matters that they were not read to the end.
    if cut and any(one.kind in {"import", "from", "def"} or _calls(one.a) for one in program.statements):
        view.stop(program.cut or "text")
    told = {"statements": program.count, "refused": program.refused, "problems": lexer.problems}
    view.see("program", 0, whole=whole, cut=cut, **told)
    for number, name in _odd_coding(data):
        view.see("encoding", number, name=name)
    for name, at in list(lexer.folded.items())[:20]:
        view.see("folded", at, name=name)
    if whole:
        trace = Tracer(program, budget).run()
        _write(trace, view)
        _nested(trace, view, walk)


def _calls(node: object) -> bool:
    return isinstance(node, Node) and node.kind == "call"


def _write(trace: Trace, view: ViewBuilder) -> None:
    for (module, name), (at, inside) in list(trace.imports.items())[:300]:
        view.see("import", at if at >= 0 else None, module=module, name=name, inside=inside)
    for class_name, at, bases in trace.classes[:100]:
        view.see("class", at, name=class_name, bases=list(bases))
    entries = _reached(trace)
    seen: set[str] = set()
    for call in trace.calls:
        if call.name.startswith(("<local>", "?")) and not call.labels - {"partial", "computed"}:
            continue
        told = _told(call, entries.get(call.inside, frozenset()))
        key = repr(told)
        if key in seen:
            continue
        seen.add(key)
        if len(seen) > MAX_CALLS:
            view.stop("observations")
            return
        view.see("call", call.at, **told)


def _told(call: Call, entries: frozenset[str]) -> dict[str, Any]:
    told: dict[str, Any] = {"name": call.name, "inside": call.inside, "entries": sorted(entries)}
    if call.labels:
        told["labels"] = sorted(call.labels)
    if call.disguised:
        told["disguised"] = True
    if call.name.split(".", 1)[0] in _TELLING or call.labels - {"partial", "computed"}:
        told["arguments"] = [_shown(one) for one in call.arguments[:6]]
        told["keywords"] = {name: _shown(value) for name, value in list(call.keywords.items())[:12]}
        carried = {name: sorted(value.labels) for name, value in call.keywords.items() if value.labels}
        told |= {"carried": carried} if carried else {}
    else:
        told["inside"] = "<module>" if call.inside == "<module>" else ""
    return told


def _shown(value: Value) -> Any:
    """Return a constant as far as a rule needs it, None if it is unknown."""
    if isinstance(value.const, tuple):
        return [item[:MAX_SHOWN] if isinstance(item, str) else None for item in value.const[:24]]
    if isinstance(value.const, bytes):
        return f"{len(value.const)} bytes"
    if isinstance(value.const, str):
        return value.const[:MAX_SHOWN]
    return value.const if isinstance(value.const, int) else value.ref and f"<{value.ref}>"


def _reached(trace: Trace) -> Mapping[str, frozenset[str]]:
    """Return for each function the entries, called by loaders, from which it is reached."""
    found: dict[str, set[str]] = {}
    for entry in sorted(LOADER_ENTRIES):
        waiting, seen = deque([entry]), {entry}
        while waiting:
            name = waiting.popleft()
            found.setdefault(name, set()).add(entry)
            # Sorted: the order of sets is not the same on every machine.
            fresh = sorted(trace.edges.get(name, set()) - seen)
            seen.update(fresh)
            waiting.extend(fresh)
    return {name: frozenset(entries) for name, entries in found.items()}


def _nested(trace: Trace, view: ViewBuilder, walk: Walk) -> None:
    """Read constants that are run as code as programs of their own."""
    known: dict[str, str] = {}
    for call in trace.calls:
        text = _code(call)
        if text and UNKNOWN not in text and "(" in text and len(known) < MAX_NESTED:
            known.setdefault(text, f"{call.name.rpartition('.')[2]}@{call.at}.py")
    for text, name in known.items():
        walk.descend(BytesSource(text.encode("utf-8", "replace")), join(view.member, name), _describe)


def _code(call: Call) -> str | None:
    if call.name in {"exec", "eval", "compile"} and call.arguments:
        return call.arguments[0].text()
    for argument in call.arguments[:1]:
        if isinstance(argument.const, tuple) and "-c" in argument.const[:4]:
            code = argument.const[argument.const.index("-c") + 1 :][:1]
            return code[0] if code and isinstance(code[0], str) and "python" in str(argument.const[0] or "python") else None
    return None


def _describe(source: Source, member: str, walk: Walk) -> None:
    with walk.view("python", member, source, executes=True) as view:
        observe(source, view, walk)


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules for a program that a loader would find under this name; other texts are not run, whatever they hold."""
    if not is_program(context.name_of(view.member)):
        return
    packed, compiled = is_packed(view.member, context), _compiled(view, context)
    for hit in judge_program(view, context):
        if compiled and hit.rule == "PYTHON-CODE":
            continue
        severity = hit.severity or context.rules.rules[hit.rule].severity
        mild = severity is Verdict.SUSPICIOUS or hit.rule in context.rules.names("python", "packed")
        yield replace(hit, severity=Verdict.CAUTION) if packed and mild else hit


def _compiled(view: View, context: Context) -> bool:
    """Tell whether a program is the source of a TorchScript model, which has an interpreter and judges of its own."""
    archive, _, name = view.member.rpartition(JOINER)
    return any(one.data["source"] == name for torch in context.facts.of("torch", archive) for one in torch.all("torch.script"))


def is_packed(member: str, context: Context) -> bool:
    """Tell whether a program lies in an archive from which no loader runs programs, as in a wheel or a copy of sources.

    TorchServe and torch.package run those in theirs.
    """
    parts = member.split(JOINER)
    outer = [JOINER.join(parts[:count]) for count in range(len(parts))]
    archives = [view for name in ARCHIVES for place in outer for view in context.facts.of(name, place)]
    names = {str(name) for view in archives for one in view.all("zip.names") for name in one.data["names"]}
    served = any(True for place in outer for _ in context.facts.of("json", join(place, MANIFEST)))
    return bool(archives) and not served and not any(name.endswith(RUN_FROM) for name in names)


def judge_unread(context: Context) -> Iterator[Hit]:
    """Yield the rule for a file that its name makes a module, and in which no program was found."""
    head = context.facts.views[0].first("file.head") if context.facts.views else None
    text = bytes.fromhex(head.data["bytes"]) if head is not None else b""
    filled = text.strip() or context.facts.size > len(text)
    named = is_program(context.name) and filled and not text.startswith(b"version https://")
    if not named or any(context.facts.of("python", "")):
        return
    plain = any(one.data["name"] == "utf-8" for view in context.facts.of("text", "") for one in view.all("text.encoding"))
    if plain and context.facts.size <= SHORT and not any(context.facts.of("json", "")):
        # Up to this size the parser was asked: nothing acts, or something is no Python.
        yield Hit("PYTHON-IDLE")
    else:
        yield Hit("PYTHON-UNREAD")


def is_program(name: str) -> bool:
    """Tell whether a name makes its content a Python module."""
    return name.lower().endswith(".py")


FORMATS = (Format("python", True, judge, claims, observe),)
