"""`.gitignore` and `.gitattributes` rules, compared with git itself, and their bounds."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanse.content.patterns import IgnoreRules, LfsRules, is_text, match_segments
from hanse.errors import TooLarge

IGNORE = """\
# comment
*.log
!keep.log
/root.txt
build/
docs/*.md
a/**/z.txt
**/cache
deep/**
name
sub/folder/
*.[oa]
[!x]y.c
\\#literal
what?.txt
!build/inside.txt
trailing\\
q[^a-c].d
"""
ATTRIBUTES = """\
*.bin filter=lfs diff=lfs merge=lfs -text
*.safetensors filter=lfs
saved_model/**/* filter=lfs
*tfevents* filter=lfs
/top.dat filter=lfs
small.bin -filter
unset.bin !filter
dir/ filter=lfs
data/*.txt filter=lfs
"quoted name.txt" filter=lfs
other.bin filter=custom
x/** filter=lfs
"""
PATHS = [
    "x.log", "keep.log", "d/x.log", "root.txt", "d/root.txt", "build/a", "build/inside.txt", "x/build/b", "build", "docs/a.md",
    "docs/x/a.md", "a/z.txt", "a/b/z.txt", "a/b/c/z.txt", "cache", "q/cache/f", "deep/a", "deep/a/b", "deep", "name", "name/x",
    "u/name/x", "sub/folder/x", "other/sub/folder/x", "f.o", "f.a", "f.b", "xy.c", "zy.c", "#literal", "what1.txt", "what12.txt",
    "qd.d", "qa.d", "m.bin", "d/m.bin", "m.safetensors", "saved_model/a", "saved_model/a/b", "e.tfevents.1", "top.dat",
    "d/top.dat", "small.bin", "d/small.bin", "unset.bin", "dir/x", "data/a.txt", "data/b/a.txt", "quoted name.txt",
    "other.bin", "x/a", "x/b/c",
]  # fmt: skip


def _git(folder: Path, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
    )
    return done.stdout


@pytest.fixture(name="git")
def _git_folder(tmp_path: Path) -> Path:
    assert shutil.which("git"), "git is part of the test environment"
    _git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text(IGNORE)
    (tmp_path / ".gitattributes").write_text(ATTRIBUTES)
    return tmp_path


def test_ignore_rules_agree_with_git(git: Path) -> None:
    """The same files are ignored as by `git check-ignore`."""
    said = _git(git, "check-ignore", "--stdin", "--no-index", stdin="\n".join(PATHS)).splitlines()
    rules = IgnoreRules(IGNORE)
    expected = {line.strip('"') for line in said}
    assert {path for path in PATHS if rules.ignores(path)} == expected


def test_lfs_rules_agree_with_git(git: Path) -> None:
    """The filter attribute of every path is what `git check-attr` says."""
    said = _git(git, "check-attr", "--stdin", "filter", stdin="\n".join(PATHS)).splitlines()
    expected = {line.rsplit(": ", 2)[0].strip('"'): line.rsplit(": ", 1)[1] for line in said}
    rules = LfsRules(ATTRIBUTES)
    names = {"lfs": True, "unspecified": None}
    assert {path: rules.lfs(path) for path in PATHS} == {path: names.get(value, False) for path, value in expected.items()}


def test_hostile_patterns_stay_cheap() -> None:
    """Patterns built to make backtracking matchers explode cost next to nothing."""
    rules = IgnoreRules("\n".join(["*a" * 200 + "b", "**/" * 300 + "x", "/".join(["**", "a*"] * 100), "[" * 500, "[z-a]"]))
    started = time.process_time()
    assert not rules.ignores("a" * 3000)
    assert not rules.ignores("/".join(["a"] * 63))
    assert time.process_time() - started < 2


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.text(alphabet="ab/.*?[]!\\", min_size=1, max_size=40))
def test_no_text_breaks_the_rules(text: str, path: str) -> None:
    """Any text is a rule file, and any path gets an answer."""
    IgnoreRules(text).ignores(path)
    LfsRules(text).lfs(path)


def test_double_star_takes_any_number_of_segments() -> None:
    """`**` stands for no, one or several segments."""
    assert match_segments(("a", "**", "b"), ("a", "b"))
    assert match_segments(("a", "**", "b"), ("a", "x", "y", "b"))
    assert not match_segments(("a", "**", "b"), ("a", "x"))
    assert match_segments(("**", "a", "**", "b"), ("a", "a", "x", "a", "b"))


def test_text_detection() -> None:
    """A sample is text if it is UTF-8 without NUL, also when it ends within a character."""
    assert is_text(b"")
    assert is_text("grüße".encode())
    assert is_text("grü".encode()[:-1])
    assert not is_text(b"a\0b")
    assert not is_text(b"\xff\xfe")
    assert not is_text(b"\x89PNG\r\n")


def test_many_patterns_on_deep_paths_are_refused() -> None:
    """What would take minutes on the paths of one request is an error, not a hung server."""
    rules = IgnoreRules("\n".join(f"**/a{number}/*/**/x" for number in range(500)))
    started = time.process_time()
    with pytest.raises(TooLarge):
        [rules.ignores("/".join([f"d{number}", *["a"] * 60, "f"])) for number in range(256)]
    lfs = LfsRules("\n".join(f"**/a{number}/*/**/x filter=lfs" for number in range(500)))
    with pytest.raises(TooLarge):
        lfs.lfs("/".join(["a"] * 62))
    assert lfs.lfs("a") is None
    assert time.process_time() - started < 10
