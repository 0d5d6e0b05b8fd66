"""Lists of packages to install: requirements files, conda environments.

Observations say what a line asks for; what is unusual is the ruleset's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.ruleset import Hit, Ruleset
from hanse.scan.source import Source
from hanse.scan.walk import ViewBuilder, Walk

MAX_SIZE = 256 * 1024
MAX_LINES = 1_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
_LINE = re.compile(r"\s*(?:-\s+)?[\"']?([A-Za-z0-9][A-Za-z0-9._-]{0,80})(?:\[[\w, .-]{0,200}\])?\s*(?:$|[=<>!~;@#\"'(])")
_ADDRESS = re.compile(r"(?:git|hg|svn|bzr)\+[a-z]+://[^\s\"']{1,300}|(?:https?|ftp|file)://[^\s\"'>]{1,300}")
_INDEX = re.compile(r"(?:^|\s)(--index-url|--extra-index-url|--find-links|--trusted-host|-i|-f)(?:\s+|=)(\S{1,300})")
_USUAL = re.compile(
    rb"(?m)^[ \t]*(?:-[ \t]+)?[A-Za-z0-9][\w.-]*(?:\[[^\]\n]*\])?[ \t]*(?:[=<>!~]=|[<>@]|$)|^-[a-z-]+[ =]|^dependencies:|://"
)


def claims(head: bytes, source: Source) -> bool:
    """Tell whether most lines of a short text read like requirements."""
    if not head.strip() or b"\0" in head or source.size > MAX_SIZE or head.lstrip()[:1] in b"{[<":
        return False
    lines = [line for line in head.splitlines()[:200] if line.strip() and not line.lstrip().startswith(b"#")]
    return bool(lines) and 2 * sum(_USUAL.search(line) is not None for line in lines) >= len(lines)


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Write down the packages, addresses and indexes that lines name."""
    data = source.read_at(0, MAX_SIZE)
    walk.budget.spend("operations", len(data) // 4 + 100)
    at = 0
    names: set[str] = set()
    for number, raw in enumerate(data.split(b"\n")):
        if number >= MAX_LINES:
            break
        line = raw.decode("utf-8", "replace").partition(" #")[0].strip()[:1000]
        if line and not line.startswith("#"):
            for option, address in _INDEX.findall(line):
                view.see("index", at, option=option, address=address)
            for address in _ADDRESS.findall(_INDEX.sub(" ", line))[:3]:
                view.see("address", at, address=address)
            if found := _LINE.match(line):
                names.add(found[1].lower().replace("_", "-").replace(".", "-"))
        at += len(raw) + 1
    for name in sorted(names)[:500]:
        view.see("package", name=name)


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules for a file that installers read."""
    if view.member or not is_requirements(context):
        return
    rules = context.rules
    for one in view.all("requirements.index"):
        known = any(host in one.data["address"] for host in rules.names("requirements", "indexes"))
        if not known and one.data["option"] not in {"--find-links", "-f"}:
            yield Hit("REQUIREMENTS-INDEX", "", one.at, words=dict(one.data))
    for one in view.all("requirements.address"):
        known = any(host in one.data["address"] for host in rules.names("requirements", "hosts"))
        yield Hit("REQUIREMENTS-KNOWN-ADDRESS" if known else "REQUIREMENTS-ADDRESS", "", one.at, words=dict(one.data))
    for one in view.all("requirements.package"):
        if meant := mistaken(one.data["name"], rules):
            yield Hit("REQUIREMENTS-NAME", "", one.at, words={"name": one.data["name"], "meant": meant})


def is_requirements(context: Context) -> bool:
    """Tell whether an installer would read a file of this name."""
    name = context.name
    named = name.startswith("requirements") and context.suffix in {".txt", ".in", ".pip"}
    return named or name in {"environment.yml", "environment.yaml", "conda.yaml", "conda.yml", "constraints.txt", "packages.txt"}


def mistaken(name: str, rules: Ruleset) -> str | None:
    """Return the popular package whose name is one letter away, if there is one and `name` is not known itself."""
    popular = rules.names("requirements", "popular")
    if len(name) < 5 or name in popular or name in rules.names("requirements", "known"):
        return None
    return next((one for one in sorted(popular) if abs(len(one) - len(name)) <= 1 and len(one) >= 5 and _near(name, one)), None)


def _near(left: str, right: str) -> bool:
    """Tell whether two names differ by one letter more, less, other or swapped with its neighbour."""
    start = next((index for index, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    a, b = left[start:], right[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[:2][::-1] and len(a) > 1 and a[2:] == b[2:])


FORMATS = (Format("requirements", False, judge, claims, observe),)
