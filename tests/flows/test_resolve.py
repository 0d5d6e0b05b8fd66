"""From a name to a revision at an upstream: by claims, and by what is held when nobody answers."""

from __future__ import annotations

import pytest
from tests.support.pulling import EVIL, FILES, Machine, content, main_of

from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin
from hanse.errors import (
    Equivocation,
    HanseError,
    IntegrityError,
    PeerDown,
    PeerError,
    PeerTooSlow,
    PolicyError,
    RepoNotFound,
    RevisionNotFound,
)
from hanse.flows.pull.forget import forget
from hanse.model.decision import Rung, State
from hanse.model.repo import RepoType
from hanse.peers import timed

# An upstream.


def test_an_upstream_is_claims_pinned_at_first_use(home: Machine, origin: HubOrigin) -> None:
    """A fresh laptop gets an ordinary public model under `open`, said to be worth no more than local."""
    found = main_of(home.puller(upstream=origin.url))
    assert (found.rung, found.decision.state, found.as_of, found.evidence) == (Rung.LOCAL, State.ACCEPTED, None, None)
    assert found.files == origin.pins("org/m", xet=False)
    assert content(home.puller(upstream=origin.url), found, "config.json") == b"{}"


def test_an_upstream_that_drips_is_waited_for_once(home: Machine, origin: HubOrigin, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upstream that is too slow when asked as a node is not asked as a hub as well; what it did is said with its name."""
    monkeypatch.setattr(timed, "REST_OF_HEAD_SECONDS", 0.1)
    origin.faults.set(Fault.DRIP_HEADERS)
    with pytest.raises(PeerTooSlow, match=f"{origin.url} sends the head of its answer too slowly"):
        main_of(home.puller(origin.url, upstream=origin.url))
    assert len(origin.requests) == 1


def test_a_policy_that_asks_for_signatures_refuses_claims(home: Machine, origin: HubOrigin) -> None:
    """With every failed rule and what would make it pass."""
    with pytest.raises(PolicyError, match="rung: local, but attested is asked for; to pass: a member") as error:
        main_of(home.puller(upstream=origin.url, policy="careful"))
    assert any(one.startswith("signers") for one in error.value.failed)


def test_a_revision_has_one_content_for_ever(home: Machine, origin: HubOrigin) -> None:
    """Other files under a pinned commit id are an alarm and refused; what is held says so from then on."""
    rev = main_of(home.puller(upstream=origin.url)).rev
    origin.faults.set(Fault.FALSE_CLAIMS, path="model.safetensors")
    home.clock.time += 3600
    with pytest.raises(Equivocation, match="pinned with other files") as error:
        main_of(home.puller(upstream=origin.url))
    assert "model.safetensors" in error.value.message
    held = main_of(home.puller(upstream=origin.url, offline=True))
    assert held.rev == rev
    assert held.files["model.safetensors"] == origin.pins("org/m", xet=False)["model.safetensors"]
    assert any("alarm" in one for one in held.notices)


def test_a_false_first_sight_can_be_forgotten(home: Machine, origin: HubOrigin) -> None:
    """The refusal of the true files says the command; after it they are pinned and come."""
    origin.faults.set(Fault.FALSE_CLAIMS, path="config.json")
    main_of(home.puller(upstream=origin.url))
    origin.faults.clear()
    home.clock.time += 3600
    with pytest.raises(Equivocation) as error:
        main_of(home.puller(upstream=origin.url))
    rev = origin.repo("org/m").newest.rev
    assert f"`hanse cache forget org/m@{rev}`" in error.value.hint
    forget(home.held, RepoType.MODEL, "org/m", rev)
    found = main_of(home.puller(upstream=origin.url))
    assert content(home.made[-1], found, "config.json") == b"{}"


@pytest.mark.parametrize("path", ["config.json", "model.safetensors"])
def test_a_size_that_was_false_at_first_is_mended(home: Machine, origin: HubOrigin, path: str) -> None:
    """Once the upstream tells the size that the digest is of, the file comes; nobody has to forget anything."""
    origin.faults.set(Fault.TREE_SIZE, path=path)
    lied = main_of(home.puller(upstream=origin.url))
    with pytest.raises(HanseError):
        content(home.made[-1], lied, path)
    origin.faults.clear()
    found = main_of(home.puller(upstream=origin.url))
    assert content(home.made[-1], found, path) == FILES[path]
    assert any("what it must hash to decides" in one for one in found.notices)


def test_a_ref_moves_on_and_never_back(home: Machine, origin: HubOrigin) -> None:
    """An old but valid state does not beat a newer one that was seen here; the user is told how to have the old one."""
    first = main_of(home.puller(upstream=origin.url)).rev
    second = origin.commit("org/m", FILES | {"config.json": b"{ }"})
    found = main_of(home.puller(upstream=origin.url))
    assert (found.rev, found.notices) == (second, ())
    origin.faults.set(Fault.OLD_STATE)
    back = main_of(home.puller(upstream=origin.url))
    assert back.rev == second
    assert any("stays at the newer one" in one and first in one for one in back.notices)
    assert main_of(home.puller(upstream=origin.url), revision=first).rev == first


def test_a_rewrite_is_shown_and_what_was_before_stays(home: Machine, origin: HubOrigin) -> None:
    """The old revision is resolvable by its id for ever, though the upstream has it no more; its held files are given."""
    first = main_of(home.puller(upstream=origin.url))
    content(home.made[-1], first, "config.json")
    second = origin.rewrite("org/m", {"config.json": b"[]"})
    found = main_of(home.puller(upstream=origin.url))
    assert found.rev == second
    assert any("was rewritten" in one and first.rev[:12] in one for one in found.notices)
    home.clock.time += 3600
    old = main_of(home.puller(upstream=origin.url), revision=first.rev)
    assert (old.files, old.as_of) == (first.files, home.clock.time - 3600)
    assert content(home.made[-1], old, "config.json") == b"{}"


def test_another_revision_than_the_one_asked_for_is_a_lie(home: Machine, origin: HubOrigin) -> None:
    """Asked for a commit id, an origin that answers with another one is not followed."""
    first = origin.repo("org/m").refs["refs/heads/main"]
    second = origin.commit("org/m", {"config.json": b"[]"})
    origin.repo("org/m").revisions[second] = origin.repo("org/m").revisions[first]
    with pytest.raises(IntegrityError, match=f"asked for revision {second}"):
        main_of(home.puller(upstream=origin.url), revision=second)


def test_an_upstream_that_is_away_is_not_missed(home: Machine, origin: HubOrigin) -> None:
    """What is held is given at once, with its age; another upstream than the one it came from changes nothing of it."""
    found = main_of(home.puller(upstream=origin.url))
    content(home.made[-1], found, "config.json")
    at, url = home.clock.time, origin.url
    origin.stop()
    home.clock.time += 86400
    for puller in (home.puller(upstream=url), home.puller(upstream=url), home.puller(upstream=url, offline=True)):
        held = main_of(puller)
        assert (held.rev, held.as_of) == (found.rev, at)
        assert any(one.startswith("as of 2027-01-15") for one in held.notices)
        assert content(puller, held, "config.json") == b"{}"
    with pytest.raises(PeerDown, match="not held here"):
        home.made[-1].file(held, "model.safetensors")
    with pytest.raises(RevisionNotFound):
        main_of(home.made[-1], revision="v1")
    with pytest.raises(RevisionNotFound):
        main_of(home.made[-1], "org/other")


def test_an_endpoint_is_node_and_upstream(home: Machine, origin: HubOrigin) -> None:
    """A server that is asked as both and has no evidence is an upstream, also where it fails when it is asked for evidence."""
    found = main_of(home.puller(origin.url, upstream=origin.url))
    assert (found.rung, len(found.places), found.notices) == (Rung.LOCAL, 1, ())


def test_what_an_upstream_removed_stays(home: Machine, origin: HubOrigin) -> None:
    """Whatever became of the name, what was seen is still there, as of when it was seen."""
    found = main_of(home.puller(upstream=origin.url))
    origin.repos.clear()
    home.clock.time += 60
    held = main_of(home.puller(upstream=origin.url))
    assert (held.rev, held.as_of) == (found.rev, home.clock.time - 60)
    assert any("has no repository" in one for one in held.notices)
    with pytest.raises(RepoNotFound):
        main_of(home.puller(upstream=origin.url), "org/never")


def test_what_not_everybody_may_see_is_kept_for_who_asked(home: Machine, origin: HubOrigin) -> None:
    """A gated repository is refused without its token, and what one caller saw is not given to another when it is away."""
    origin.repo("org/m").tokens = frozenset({"hf_good"})
    puller = home.puller(upstream=origin.url)
    with pytest.raises(Exception, match="restricted"):
        main_of(puller)
    found = main_of(puller, token="hf_good")
    origin.stop()
    assert main_of(home.puller(upstream=origin.url), token="hf_good").rev == found.rev
    with pytest.raises(PeerError):
        main_of(home.puller(upstream=origin.url))


# Files.


def test_a_malicious_file_refuses_its_revision(home: Machine, origin: HubOrigin) -> None:
    """It is refused before its first byte leaves, with what it would do; then nothing of the revision is given any more."""
    rev = origin.commit("org/m", FILES | {"model.pkl": EVIL})
    puller = home.puller(upstream=origin.url)
    found = main_of(puller)
    assert content(puller, found, "config.json") == b"{}"
    with pytest.raises(PolicyError, match=r"'model.pkl': it is malicious .*os.system") as error:
        content(puller, found, "model.pkl")
    assert "safetensors" in error.value.hint
    for again in (puller, home.puller(upstream=origin.url), home.puller(upstream=origin.url, offline=True)):
        for revision in ("main", rev):
            with pytest.raises(PolicyError, match=r"model.pkl"):
                main_of(again, revision=revision)
