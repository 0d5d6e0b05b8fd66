"""What tracked files may not hold: paths of one machine, addresses of package registries, unfinished marks, skipped tests."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = {".png", ".ico", ".gz", ".bin", ".parquet", ".safetensors", ".xorb", ".shard", ".woff2"}


def joined(*parts: str) -> str:
    """Return the parts as one word; written apart so that searches over the tree do not find it here."""
    return "".join(parts)


RULES = {
    "machine path": re.compile(r"(?<![\w.])/(?:work|farm|root|opt/pypi|opt/wheels)/"),
    "registry address": re.compile(
        joined("py", r"pi\.(?:org|io)|pythonhosted") + "|" + joined("registry\\.", "npm") + r"|deb\.debian"
    ),
    "unfinished mark": re.compile(joined(r"\bTO", r"DO\b|\bFIX", r"ME\b|\bX", r"XX\b|raise NotImplemented", "Error")),
    "skipped test": re.compile(joined(r"pytest\.", r"skip|mark\.sk", r"ip|mark\.xf", "ail")),
    "conflict mark": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
}


def tracked() -> list[Path]:
    """Return every tracked text file that exists."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listing.split("\0") if name]
    return [path for path in paths if path.is_file() and path.suffix not in BINARY and path != Path(__file__)]


@pytest.mark.parametrize("rule", RULES)
def test_words(rule: str) -> None:
    """No tracked file holds what the rule names."""
    found = []
    for path in tracked():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if RULES[rule].search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("machine path", joined("see /wo", "rk/main")),
        ("registry address", joined("https://py", "pi.org/simple")),
        ("unfinished mark", joined("# TO", "DO later")),
        ("skipped test", joined("@pytest.mark.sk", "ip")),
    ],
)
def test_the_rules_can_fail(rule: str, line: str) -> None:
    """Each rule finds the thing it is named after."""
    assert RULES[rule].search(line)


def test_no_big_file_is_tracked() -> None:
    """Fixtures are made by code; nothing over 1 MiB is tracked."""
    assert [path.name for path in tracked() if path.stat().st_size > 1 << 20] == []
