"""Pins: what was seen is kept, and nothing goes back behind it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from hanse.errors import Equivocation, HanseError, RolledBack, StorageError
from hanse.flows.pins import (
    LogSeen,
    NameSeen,
    Observed,
    RefPin,
    check_log,
    check_observed,
    check_ref,
    check_tree,
    read_pins,
    remember,
)
from hanse.model.digest import Sha256
from hanse.model.repo import Origin, RepoType

HOME = Origin("a.example")
UPSTREAM = Origin("hub.example")
MAIN = "refs/heads/main"
LOG = LogSeen(HOME, ("a.example+00000000+AAAA",), 10, b"\x01" * 32, b"the note\n", consistent=True)
PLACE = RefPin(HOME, 7, 2, "a" * 40, "b" * 64)
NAME = NameSeen(HOME, RepoType.MODEL, "o/n", "a" * 40, Sha256("b" * 64), MAIN, PLACE, "f" * 64)


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    remember(tmp_path, (LOG,), NAME, 100)
    return tmp_path


def test_what_was_seen_is_read_again(home: Path) -> None:
    """Log, ref, tree and owner are there for the next process, in private files."""
    pins = read_pins(home, HOME)
    assert pins.log is not None
    assert (pins.log.vkeys, pins.log.size, pins.log.root, pins.log.met, pins.log.seen) == (LOG.vkeys, 10, "01" * 32, 100, 100)
    assert pins.ref(RepoType.MODEL, "o/n", MAIN) == PLACE
    assert pins.tree(RepoType.MODEL, "o/n", "a" * 40) == "b" * 64
    assert pins.owners == {"o": "f" * 64}
    assert (home / "pins" / "a.example.json").stat().st_mode & 0o777 == 0o600


def test_nothing_is_known_at_first(tmp_path: Path) -> None:
    """Without a file there is nothing, and looking makes none."""
    pins = read_pins(tmp_path, HOME)
    assert (pins.log, pins.refs, pins.owners) == (None, {}, {})
    assert list(tmp_path.iterdir()) == []


def test_the_largest_checkpoint_stays(home: Path) -> None:
    """A smaller checkpoint, or a larger one that was not shown to continue, changes nothing; the first contact is kept."""
    remember(home, (replace(LOG, size=5),), None, 200)
    remember(home, (replace(LOG, size=50, consistent=False),), None, 200)
    pins = read_pins(home, HOME)
    assert pins.log is not None
    assert (pins.log.size, pins.log.seen) == (10, 100)
    remember(home, (replace(LOG, size=50, distrusted={"k": 9}),), None, 300)
    remember(home, (replace(LOG, size=60, distrusted={"k": 12}),), None, 400)
    pins = read_pins(home, HOME)
    assert pins.log is not None
    assert (pins.log.size, pins.log.met, pins.log.seen, pins.distrusted) == (60, 100, 400, {"k": 9})


def test_two_roots_of_one_size_are_a_contradiction(home: Path) -> None:
    """Both checkpoints are kept as evidence, and the pinned one stays."""
    other = replace(LOG, root=b"\x02" * 32, checkpoint=b"another note\n")
    with pytest.raises(Equivocation) as error:
        check_log(read_pins(home, HOME), other)
    assert error.value.evidence == (b"the note\n", b"another note\n")
    with pytest.raises(Equivocation):
        remember(home, (other,), None, 200)
    pins = read_pins(home, HOME)
    assert pins.log is not None
    assert pins.log.checkpoint == "the note\n"


@pytest.mark.parametrize(
    ("found", "consistent", "error"),
    [
        (replace(PLACE, seq=3, index=9), True, None),
        (PLACE, True, None),
        (replace(PLACE, seq=3, index=5), False, None),
        (replace(PLACE, seq=1, index=9, rev="c" * 40), True, None),
        (replace(PLACE, seq=1, index=9), False, RolledBack),
        (replace(PLACE, seq=1, index=5), True, RolledBack),
        (replace(PLACE, seq=3, index=5), True, RolledBack),
        (replace(PLACE, rev="c" * 40), False, Equivocation),
        (replace(PLACE, tree="c" * 64), True, Equivocation),
    ],
)
def test_a_ref_never_goes_back(found: RefPin, consistent: bool, error: type[HanseError] | None, home: Path) -> None:
    """A lower position is refused, unless the same log shows that the chain began again later; two at one position contradict."""
    pins = read_pins(home, HOME)
    if error is None:
        check_ref(pins, RepoType.MODEL, "o/n", MAIN, found, consistent=consistent)
        return
    with pytest.raises(error):
        check_ref(pins, RepoType.MODEL, "o/n", MAIN, found, consistent=consistent)


def test_a_revision_has_one_tree_for_ever(home: Path) -> None:
    """A second tree of a commit id is a contradiction, whoever says so."""
    check_tree(read_pins(home, HOME), RepoType.MODEL, "o/n", "a" * 40, "b" * 64)
    with pytest.raises(Equivocation):
        check_tree(read_pins(home, HOME), RepoType.MODEL, "o/n", "a" * 40, "c" * 64)
    check_tree(read_pins(home, HOME), RepoType.DATASET, "o/n", "a" * 40, "c" * 64)


def test_a_contradiction_stores_nothing(home: Path) -> None:
    """Everything is checked before anything is stored: a false tree does not leave a newer checkpoint behind."""
    before = (home / "pins" / "a.example.json").read_bytes()
    with pytest.raises(Equivocation):
        remember(home, (replace(LOG, size=50),), replace(NAME, tree=Sha256("c" * 64)), 200)
    with pytest.raises(RolledBack):
        remember(home, (), replace(NAME, position=replace(PLACE, seq=1)), 200)
    assert (home / "pins" / "a.example.json").read_bytes() == before


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def _open(path: Path) -> None:
    path.chmod(0o666)


def _link(path: Path) -> None:
    path.rename(path.with_name("x"))
    path.symlink_to(path.with_name("x"))


def _other(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"a.example", b"b.example"))


@pytest.mark.parametrize("damage", [_cut, _open, _link, _other])
def test_damaged_pins_are_an_error(damage: Callable[[Path], None], home: Path) -> None:
    """Whoever can damage the file must not be able to make us forget."""
    damage(home / "pins" / "a.example.json")
    with pytest.raises(StorageError):
        read_pins(home, HOME)


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    """Processes that verify at the same time each keep what the others stored."""
    names = [replace(NAME, repo=f"o/n{number}", position=None) for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: remember(tmp_path, (LOG,), name, 1), names))
    assert len(read_pins(tmp_path, HOME).trees) == 20


def test_an_older_owner_is_not_pinned_again(tmp_path: Path) -> None:
    """The keys that handed over to the pinned one are remembered, and what they published leads nobody back to them."""
    first, second, third = "1" * 64, "2" * 64, "3" * 64
    alone = replace(NAME, position=None)
    remember(tmp_path, (LOG,), replace(alone, owner=first), 1)
    remember(tmp_path, (LOG,), replace(alone, owner=second, earlier={first: 7}), 2)
    remember(tmp_path, (LOG,), replace(alone, owner=first), 3)
    pins = read_pins(tmp_path, HOME)
    assert (pins.owners, pins.earlier) == ({"o": second}, {"o": {first: 7}})
    remember(tmp_path, (LOG,), replace(alone, owner=third, earlier={second: 9}), 4)
    assert read_pins(tmp_path, HOME).earlier == {"o": {first: 7, second: 9}}
    remember(tmp_path, (LOG,), replace(alone, owner="4" * 64, earlier={"5" * 64: 3}), 5)
    assert read_pins(tmp_path, HOME).earlier == {"o": {"5" * 64: 3}}


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """What cannot be kept cannot protect: that is an error with a remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write") as error:
        remember(tmp_path / "file", (LOG,), None, 1)
    assert "HANSE_HOME" in error.value.hint
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def _saw(home: Path, rev: str, **seqs: int) -> None:
    """Remember what observers agree on."""
    found = Observed(rev * 40, rev * 64, {f"{name}.example": seq for name, seq in seqs.items()})
    kept = NameSeen(UPSTREAM, RepoType.MODEL, "org/x", found.rev, Sha256(found.tree), "refs/heads/main", observed=found)
    remember(home, (), kept, 1)


def test_observers_lead_nobody_back(tmp_path: Path) -> None:
    """Another revision counts once enough of those who were heard have moved on; others say nothing."""
    _saw(tmp_path, "1", a=5, b=3)
    _saw(tmp_path, "1", c=7)
    pins = read_pins(tmp_path, UPSTREAM)
    (kept,) = pins.observed.values()
    assert dict(kept.seqs) == {"a.example": 5, "b.example": 3, "c.example": 7}

    def check(need: int, rev: str, **seqs: int) -> None:
        found = Observed(rev * 40, rev * 64, {f"{name}.example": seq for name, seq in seqs.items()})
        check_observed(pins, RepoType.MODEL, "org/x", "refs/heads/main", found, need=need)

    check(9, "1", x=1)
    check(2, "2", a=6, b=4)
    for told in ({"a": 6}, {"a": 6, "b": 3}, {"a": 6, "x": 99}, {"a": 4, "b": 2, "c": 7}):
        with pytest.raises(RolledBack, match="must"):
            check(2, "2", **told)
    _saw(tmp_path, "2", a=6, b=4)
    with pytest.raises(RolledBack):
        _saw(tmp_path, "1", a=5, b=3)
