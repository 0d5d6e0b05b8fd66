"""A log as an evidence file shows it: its key, what was seen of it before, its snapshot, its cosigners."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from tests.support.evidence import MAIN, NOW, Member
from tests.support.signers import signer
from tests.support.verifying import CONTENTS, LATEST, World, failures, make_world, pinned, preset, verify

from hanse.errors import BadFormat, BadProof, PolicyError
from hanse.flows.pins import Pins
from hanse.flows.shown_log import cosigners_in, open_log
from hanse.flows.trust import Trust
from hanse.model.decision import Known
from hanse.model.evidence import MapEvidence, MapName, encode_evidence
from hanse.model.key_leaf import KeyOp, KeyUse
from hanse.model.repo import RefName
from hanse.tlog.map import advisory_key, advisory_value
from hanse.tlog.mapproof import MapProof


@pytest.fixture(name="world")
def _world() -> World:
    return make_world()


# The log's key.


def test_where_the_key_is_known_from(world: World) -> None:
    """New at the first contact, pinned afterwards, configured if somebody said so; what the file says of it is worth nothing."""
    a = world.a
    shown = a.shown([])
    for trust, known in (
        (Trust(), Known.NEW),
        (Trust(pins={a.origin: pinned(a, 4)}), Known.PINNED),
        (Trust(logs={a.origin: (a.vkey,)}), Known.CONFIGURED),
    ):
        assert open_log(shown, (), trust).known is known
    other = Member("a.example")
    other.log_signer = signer("other")
    with pytest.raises(PolicyError, match="owner-change"):
        verify(other.evidence(other.publish("org/name", CONTENTS)), Trust(pins={a.origin: pinned(a, 3)}))
    assert "the note must be signed by" in failures(other.evidence(other.publish("org/name", CONTENTS)), world.trust())[0]


def test_a_log_key_hands_over_to_the_next(world: World) -> None:
    """A pinned log may sign with a new key that the pinned one signed for, leaf by leaf, and no other."""
    a, old = world.a, world.a.log_signer
    pins = Trust(pins={a.origin: pinned(a, 4)})
    first, second = signer("first"), signer("second")
    indices = [a.keys[KeyUse.LOG], a.add_key(first, KeyUse.LOG, by=old, op=KeyOp.TRANSFER)]
    indices.append(a.add_key(second, KeyUse.LOG, by=first))
    a.log_signer = second
    one = a.publish("org/name", CONTENTS)
    found = verify(world.shown_with([*a.needed(one), *indices], one), pins)
    assert found.logs[0].known is Known.PINNED
    assert found.logs[0].keys[0].public == second.public
    with pytest.raises(PolicyError, match="pins"):
        verify(world.shown_with([*a.needed(one), *indices[:1], *indices[2:]], one), pins)


def test_a_stolen_log_key_ends_where_it_was_stolen(world: World) -> None:
    """A checkpoint that only a distrusted key signed counts up to the index from which it is distrusted."""
    a = world.a
    last = len(a.log.leaves) - 1
    for after, fails in ((last, False), (last - 1, True)):
        cut: dict[str, int] = {a.log_signer.public.fingerprint: after}
        seen = Trust(pins={a.origin: replace(pinned(a, 4), distrusted=cut)})
        for trust in (seen, Trust(pins={a.origin: pinned(a, 4)}, distrusted={a.origin: cut})):
            if fails:
                assert "is distrusted after leaf" in failures(world.evidence(), trust)[0]
            else:
                assert verify(world.evidence(), trust).rev == world.revision.rev


def test_an_origin_that_is_made_from_its_key() -> None:
    """Such a log can be met for the first time only with that very key."""
    probe = Member("key-x")
    a = Member("key-" + sha256(probe.log_signer.public.raw).hexdigest()[:32])
    thief = Member(a.origin)
    a.log_signer = probe.log_signer
    assert verify(a.evidence(a.publish("org/name", CONTENTS))).logs[0].origin == a.origin
    assert "does not say which key the log" in failures(thief.evidence(thief.publish("org/name", CONTENTS)))[0]


def test_a_log_without_a_key_in_the_file(world: World) -> None:
    """At a first contact the file must say which key the log has; for a known log it need not."""
    shown = world.a.shown(world.a.needed(world.revision), vkey=False)
    value = world.a.map_proof(world.revision.repo, MAIN, (1, world.revision.rev, world.revision.tree))
    data = encode_evidence([world.revision.bundle.encode()], [shown], [value])
    assert "does not say which key the log a.example signs with" in failures(data)[0]
    assert verify(data, world.trust()).rev == world.revision.rev


# What was seen before.


def test_growth_is_proved_or_said(world: World) -> None:
    """A log that was seen must be shown to go on from there: with the proof it counts, without it that is said or refused."""
    a, size = world.a, len(world.a.log.leaves)
    trust = Trust(pins={a.origin: pinned(a, 4)})
    assert not verify(world.evidence(), trust).logs[0].consistent
    assert any("was not shown to continue" in one for one in verify(world.evidence(), trust).notices)
    assert verify(world.evidence(), replace(trust, growth={a.origin: a.growth(4, size)})).logs[0].consistent
    refused = failures(world.evidence(), replace(trust, ask_growth=True))
    assert refused[0].startswith("revision: a.example does not show that its log")
    false = failures(world.evidence(), replace(trust, growth={a.origin: a.growth(3, size)}))
    assert false[0].startswith("log a.example: the proof from 4 to")


def test_another_members_log_without_growth_does_not_count(world: World) -> None:
    """Who is not shown to go on where he was seen is left aside, if the proof was asked for; the rest is verified."""
    shown, bundle = world.attested_by(world.b)
    data = world.a.evidence(world.revision, world.checkpoint(), [shown], [bundle])
    pins = {world.b.origin: pinned(world.b, 3)}
    assert len(verify(data, Trust(pins=pins)).attested) == 2
    found = verify(data, Trust(pins=pins, ask_growth=True))
    assert [one.member for one in found.attested] == ["a.example"]
    assert any("so nothing in it counts" in one for one in found.notices)


def test_a_fork_is_never_shown_to_continue(world: World) -> None:
    """A second log under the same key contradicts what was seen, at the same size and at any other."""
    fork = Member("a.example")
    fork.publish("org/other", {"x": b"1"})
    one = fork.publish("org/name", {"evil": b"2"})
    size = len(fork.log.leaves)
    assert size == len(world.a.log.leaves)
    same = Trust(pins={fork.origin: pinned(world.a, size)})
    assert "signed two logs of" in failures(fork.evidence(one), same)[0]
    early = Trust(pins={fork.origin: pinned(world.a, size - 1)}, growth={fork.origin: fork.growth(size - 1, size)})
    assert f"log a.example: the proof from {size - 1} to" in failures(fork.evidence(one), early)[0]


def test_two_stories_of_another_log_refuse_nothing(world: World) -> None:
    """A member whose log contradicts what was seen counts for nothing, is told, and keeps nobody from what others publish."""
    shown, bundle = world.attested_by(world.b)
    data = world.a.evidence(world.revision, world.checkpoint(), [shown], [bundle])
    size = len(world.b.log.leaves)
    seen = pinned(world.b, size)
    assert seen.log is not None
    same = Trust(pins={world.b.origin: replace(seen, log=replace(seen.log, root="11" * 32))})
    early = Trust(pins={world.b.origin: pinned(world.b, 3)}, growth={world.b.origin: world.b.growth(2, size)})
    for trust, says in ((same, "signed two logs of"), (early, "the proof from 3 to")):
        found = verify(data, trust)
        assert [one.member for one in found.attested] == ["a.example"]
        (told,) = [one for one in found.notices if one.startswith("alarm: log b.example: ")]
        assert says in told
    broken = replace(shown, leaves=tuple(replace(one, index=one.index + 1) for one in shown.leaves))
    assert failures(world.a.evidence(world.revision, world.checkpoint(), [broken], [bundle]), same)[0].startswith("log b.example")


def test_an_older_log_is_no_news(world: World) -> None:
    """Evidence from before what was seen is not the latest; a commit id in it is still verified."""
    a, old, before = world.a, world.evidence(), len(world.a.log.leaves)
    a.publish("org/name", {"new": b"1"})
    now = len(a.log.leaves)
    trust = Trust(pins={a.origin: pinned(a, now)}, growth={a.origin: a.growth(before, now)})
    assert failures(old, trust)[0].startswith("ref: a.example is shown at")
    assert verify(old, trust, want=world.by_rev).logs[0].behind


# The snapshot and its maps.


def test_a_snapshot_must_be_the_newest(world: World) -> None:
    """Under a fresh checkpoint an old snapshot is not the latest: leaves after it must be shown, and none may change a map."""
    a, one = world.a, world.revision
    assert verify(world.evidence(), world.trust()).facts.logs[0].current
    value = a.map_proof(one.repo, MAIN, (1, one.rev, one.tree))
    kept = a.needed(one)
    a.publish("org/other", {"y": b"2"})
    data = encode_evidence([one.bundle.encode()], [a.shown(kept, world.checkpoint())], [value])
    found = verify(data, world.trust())
    assert (found.logs[0].latest, found.facts.logs[0].current, found.facts.logs[0].advisories) == (False, False, False)
    with pytest.raises(PolicyError, match="no log proves"):
        verify(data, world.trust(), preset("careful"))


def test_leaves_after_the_snapshot_may_not_change_a_map(world: World) -> None:
    """A shown ref leaf behind the newest shown snapshot says that the snapshot is not the newest state."""
    a, one = world.a, world.revision
    value = a.map_proof(one.repo, MAIN, (1, one.rev, one.tree))
    kept = a.needed(one)
    _, index = a.set_ref(one.repo, one.rev, one.tree, ref=RefName("refs/heads/dev"))
    data = encode_evidence([one.bundle.encode()], [a.shown([*kept, index])], [value])
    assert not verify(data).logs[0].latest


def test_a_map_proof_needs_its_snapshot(world: World) -> None:
    """A proof against roots that no shown snapshot has proves nothing."""
    indices = [index for index in world.a.needed(world.revision) if index != world.a.last_snapshot()]
    assert "but no snapshot leaf that has their roots" in failures(world.shown_with(indices))[0]


def test_a_proof_of_another_map(world: World) -> None:
    """The proof of another member's map, or of an earlier state, leads to another root."""
    one = world.revision
    early = world.a.map_proof(one.repo, MAIN, (1, one.rev, one.tree))
    world.a.publish("org/name", {"new": b"1"})
    data = encode_evidence([one.bundle.encode()], [world.a.shown(world.a.needed(one))], [early])
    assert "log a.example: the proof leads to root" in failures(data, want=world.by_rev)[0]


def test_map_keys_are_written_as_leaves_have_them(world: World) -> None:
    """Another spelling of a key would be another key."""
    for key in (("ref", "a.example", "model", "Org/name", MAIN), ("ref", "a.example", "models", "org/name", MAIN)):
        bad = MapEvidence(world.a.origin, MapName.REFS, key, None, MapProof((), included=False).encode())
        with pytest.raises(BadFormat, match="as leaves do"):
            open_log(world.a.shown([world.a.last_snapshot()]), [bad], Trust())


def test_advisories_in_force_are_proved(world: World) -> None:
    """The map of advisories is proved like that of refs: what is in force, and what is not."""
    a = world.a
    digest = "5" * 64
    a.advisories = a.advisories.apply([(advisory_key("HANSE-2026-1"), advisory_value(digest))])  # type: ignore[arg-type]
    shown = a.shown([a.snapshot()])
    there = a.advisories.prove(advisory_key("HANSE-2026-1")).encode()
    away = a.advisories.prove(advisory_key("HANSE-2026-2")).encode()
    maps = [
        MapEvidence(a.origin, MapName.ADVISORIES, ("advisory", "HANSE-2026-1"), (digest,), there),
        MapEvidence(a.origin, MapName.ADVISORIES, ("advisory", "HANSE-2026-2"), None, away),
    ]
    assert open_log(shown, maps, Trust()).advisories == {"HANSE-2026-1": digest, "HANSE-2026-2": None}
    with pytest.raises(BadProof):
        open_log(shown, [replace(maps[0], value=("6" * 64,))], Trust())


# Cosigners.


def test_cosigners_are_learned_from_known_logs(world: World) -> None:
    """The witness and mirror keys that a known log registers are those of its operator; a log met for the first time has none."""
    b = world.b
    shown = b.shown([b.keys[KeyUse.WITNESS], b.keys[KeyUse.MIRROR]])
    data = world.a.evidence(world.revision, world.checkpoint(), [shown])
    found = verify(data, Trust(logs={b.origin: (b.vkey,)}))
    home = next(log for log in found.logs if log.origin == "a.example")
    assert [(one.member, time) for one, time in (*home.witnesses, *home.mirrors)] == [("b.example", NOW)] * 2
    assert home.unknown == ("c.example/mirror", "c.example/witness")
    assert verify(data).logs[0].witnesses == ()
    retired = Trust(pins={b.origin: Pins(b.origin, pinned(b, 3).log, distrusted={b.witness.public.fingerprint: 0})})
    assert [one.mirror for one in cosigners_in(open_log(shown, (), retired))] == [True]


def test_a_false_cosignature_of_a_known_cosigner_spoils_the_checkpoint(world: World) -> None:
    """By an unknown one it is passed over."""
    data = world.evidence()
    at = data.index(b"c.example/mirror ") + 60
    broken = data[:at] + (b"A" if data[at : at + 1] != b"A" else b"B") + data[at + 1 :]
    assert failures(broken, world.trust())[0].startswith("cosigners of a.example: the signature of c.example/mirror")
    assert verify(broken).rev == world.revision.rev
    assert verify(broken, want=replace(LATEST, ref=MAIN)).logs[0].origin == "a.example"
