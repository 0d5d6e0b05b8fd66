"""The puller: what was resolved a moment ago is not asked for again, and files come held, fetched, or refused."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from tests.support.pulling import EVIL, FILES, Machine, content, machine, main_of

from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin
from hanse.errors import BadRepoId, EntryNotFound, IntegrityError, PeerDown, PolicyError
from hanse.flows.pull import puller as module
from hanse.flows.pull import unanswered
from hanse.flows.pull.fetch import Fetch
from hanse.model.digest import Sha256
from hanse.model.repo import RepoType
from hanse.store.held import HeldFile


def test_many_questions_at_once_are_one(home: Machine, origin: HubOrigin) -> None:
    """Clients ask for every file in parallel; the origin is asked once, by name, and not again by the commit id."""
    puller = home.puller(upstream=origin.url)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: main_of(puller), range(16)))
    assert len({one.rev for one in found}) == 1
    assert len(origin.requests) == 2
    by_rev = main_of(puller, revision=found[0].rev)
    assert (by_rev.ref, by_rev.files) == (None, found[0].files)
    assert len(origin.requests) == 2


def test_a_name_is_asked_again_soon(home: Machine, origin: HubOrigin, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was published a moment ago is seen; callers with different tokens never share an answer."""
    monkeypatch.setattr(module, "REF_SECONDS", 0.0)
    puller = home.puller(upstream=origin.url)
    main_of(puller)
    second = origin.commit("org/m", {"config.json": b"[]"})
    assert main_of(puller).rev == second
    before = len(origin.requests)
    assert main_of(puller, token="hf_other").rev == second
    assert len(origin.requests) > before


def test_who_waited_in_vain_is_told_at_once(home: Machine, origin: HubOrigin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients repeat what failed: none of them waits anew for nothing, and all get the answer once there is one."""
    monkeypatch.setattr(unanswered, "LONG_SECONDS", 0.0)
    puller = home.puller(upstream=origin.url)
    origin.faults.set(Fault.RESET)
    for _ in range(3):
        with pytest.raises(PeerDown):
            main_of(puller)
    origin.faults.clear()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(PeerDown):
            assert main_of(puller).as_of is None
            return
        time.sleep(0.05)
    raise AssertionError("the answer that there is now was given to nobody")


def test_a_short_failure_is_not_kept(home: Machine, origin: HubOrigin) -> None:
    """What failed at once may be well a moment later."""
    puller = home.puller(upstream=origin.url)
    origin.faults.set(Fault.RESET, times=1)
    with pytest.raises(PeerDown):
        main_of(puller)
    assert main_of(puller).as_of is None


def test_a_file_is_fetched_once(home: Machine, origin: HubOrigin) -> None:
    """Then it is held, for every revision and name that has it."""
    puller = home.puller(upstream=origin.url)
    found = main_of(puller)
    assert isinstance(puller.file(found, "config.json"), Fetch)
    assert content(puller, found, "config.json") == b"{}"
    origin.commit("org/n", {"other.json": b"{}"})
    other = main_of(puller, "org/n")
    held = puller.file(other, "other.json")
    assert isinstance(held, HeldFile)
    outcome = puller.outcome(other, "other.json")
    assert outcome is not None
    assert outcome.clean
    assert puller.outcome(found, "model.safetensors") is None


def test_what_was_fetched_is_known_by_its_revision(home: Machine, origin: HubOrigin) -> None:
    """A file that came just now can be listed and pinned by its revision, without being asked for again."""
    puller = home.puller(upstream=origin.url)
    origin.commit("org/n", {"config.json": b"{}"})
    found, other = main_of(puller), main_of(puller, "org/n")
    fetches = [puller.file(one, "config.json") for one in (found, other)]
    assert [one.wait(60) is not None for one in fetches if isinstance(one, Fetch)]
    labels = {label for one in home.held.stock().listed() for label in one.revisions}
    assert labels == {f"{one.repo.origin}/{one.repo.path}@{one.rev}" for one in (found, other)}


def test_names_and_paths_that_are_none(home: Machine, origin: HubOrigin) -> None:
    """A path that the revision does not have says of which revision; nonsense asks nobody."""
    puller = home.puller(upstream=origin.url)
    with pytest.raises(EntryNotFound) as error:
        puller.file(main_of(puller), "absent")
    assert error.value.rev == main_of(puller).rev
    before = len(origin.requests)
    for name in ("../x", "a/b/c", ".."):
        with pytest.raises(BadRepoId):
            puller.revision(RepoType.MODEL, name, "main")
    assert len(origin.requests) == before


def test_nothing_false_is_given(home: Machine, origin: HubOrigin) -> None:
    """Altered bytes under right digests are refused, and their source named."""
    origin.faults.set(Fault.WRONG_BYTES, path="model.safetensors")
    puller = home.puller(upstream=origin.url)
    with pytest.raises(IntegrityError, match=r"127\.0\.0\.1"):
        content(puller, main_of(puller), "model.safetensors")
    origin.faults.clear()
    assert content(puller, main_of(puller), "model.safetensors") == FILES["model.safetensors"]


def test_one_content_under_two_names_is_judged_twice(home: Machine, origin: HubOrigin) -> None:
    """Both fetches run at once; that the one name is harmless does not let the other through."""
    origin.commit("org/e", {"a.pkl": EVIL, "b.pkl": EVIL})
    puller = home.puller(upstream=origin.url)
    found = main_of(puller, "org/e")
    fetches = [puller.file(found, path) for path in ("a.pkl", "b.pkl")]
    for path, fetch in zip(("a.pkl", "b.pkl"), fetches, strict=True):
        assert isinstance(fetch, Fetch)
        with pytest.raises(PolicyError, match=path):
            fetch.wait(120)


def test_a_digest_alone_opens_nothing(home: Machine, origin: HubOrigin) -> None:
    """A node gives a held file to others only under a name whose source has shown it; the user himself needs no such proof."""
    mine, weights = home.puller(upstream=origin.url), "model.safetensors"
    origin.commit("org/thief", FILES)
    origin.faults.set(Fault.WRONG_BYTES, path=weights)
    node = home.puller(upstream=origin.url, for_others=True)
    claimed = main_of(node, "org/thief")
    with pytest.raises(IntegrityError):
        content(node, claimed, weights)
    origin.faults.clear()
    content(mine, main_of(mine), weights)
    origin.faults.set(Fault.WRONG_BYTES, path=weights)
    assert content(mine, main_of(mine, "org/thief"), weights) == FILES[weights]
    with pytest.raises(PeerDown, match="no place shows"):
        node.file(claimed, weights)
    origin.faults.clear()
    assert content(node, claimed, weights) == FILES[weights]
    origin.stop()
    assert content(node, claimed, weights) == FILES[weights]


def test_one_fetch_does_not_serve_two_names(home: Machine, origin: HubOrigin) -> None:
    """Who names the digest of what is just being fetched for others gets it only if his own source shows it, too."""
    weights, stolen = FILES["model.safetensors"], "stolen.safetensors"
    origin.commit("org/thief", {stolen: weights})
    origin.faults.set(Fault.WRONG_BYTES, path=stolen)
    node = home.puller(upstream=origin.url, for_others=True)
    honest, thief = main_of(node), main_of(node, "org/thief")
    first, second = node.file(honest, "model.safetensors"), node.file(thief, stolen)
    assert isinstance(first, Fetch)
    assert isinstance(second, Fetch)
    assert first.wait(120) is not None
    with pytest.raises((PeerDown, IntegrityError)):
        second.wait(120)
    with pytest.raises(PeerDown, match="no place shows"):
        node.file(thief, stolen)


def test_what_was_given_stays_given(home: Machine, origin: HubOrigin) -> None:
    """What others had of one revision they have after another one, with other bytes at the same path, and a restart."""
    node = home.puller(upstream=origin.url, for_others=True)
    old, path = main_of(node), "model.safetensors"
    assert content(node, old, path) == FILES[path]
    origin.rewrite("org/m", FILES | {path: b"new" * 100_000})
    with machine(home.folder) as again:
        other = again.puller(upstream=origin.url, for_others=True)
        assert content(other, main_of(other), path) == b"new" * 100_000
    with machine(home.folder) as again:
        after = again.puller(upstream=origin.url, for_others=True)
        assert content(after, main_of(after, revision=old.rev), path) == FILES[path]
        origin.stop()
        assert content(after, main_of(after, revision=old.rev), path) == FILES[path]
        assert [one for one in again.held.stock().listed() if any(label.startswith("given") for label in one.revisions)] == []
        assert again.held.used_by(Sha256(hashlib.sha256(FILES[path]).hexdigest())) == [f"{old.repo}@{old.rev}"]


def test_what_came_for_others_stays_theirs(home: Machine, origin: HubOrigin) -> None:
    """What a node fetched for others it gives them when the source is gone."""
    node = home.puller(upstream=origin.url, for_others=True)
    found = main_of(node)
    for path, data in FILES.items():
        assert content(node, found, path) == data
    origin.stop()
    for path, data in FILES.items():
        assert content(node, found, path) == data
