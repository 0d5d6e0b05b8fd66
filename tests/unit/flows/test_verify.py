"""Verification of a revision as a whole: what is verified, what altered evidence fails with, and what cannot be made up."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.evidence import MAIN, NOW, Revision, as_before
from tests.support.seeds import run_seed
from tests.support.verifying import CONTENTS, LATEST, World, failures, make_world, policy_of, preset, verify, with_ref

from hanse.errors import HanseError, PolicyError
from hanse.flows.pins import Pins, RefPin
from hanse.flows.trust import Trust, Wanted
from hanse.flows.verify import VerifiedRevision, with_policy
from hanse.model.decision import Known, NameKind, Rung, State, Want
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin, RepoType
from hanse.sign.oms import manifest_statement
from hanse.tlog.tlogpolicy import make_tlog_policy


@pytest.fixture(name="world")
def _world() -> World:
    return make_world()


def test_the_latest_revision_is_verified(world: World) -> None:
    """From the file alone: commit id, tree, files, who signed, where the ref stands, and that nobody here vouches for the log."""
    found = verify(world.evidence())
    one = world.revision
    assert (found.repo, found.rev, found.tree) == (one.repo, one.rev, one.tree)
    assert [file.path for file in found.files] == sorted(CONTENTS)
    assert found.position is not None
    assert (found.position.ref, found.position.seq, found.position.index) == (MAIN, 1, one.at[0])
    assert [one.member for one in found.attested] == ["a.example"]
    assert (found.facts.want, found.facts.kind, found.decision.rung) == (Want.LATEST, NameKind.OWNED, Rung.ATTESTED)
    warned = {one.rule: one.says for one in found.decision.warnings}
    assert warned["first-use"].startswith("first contact, unauthenticated")


def test_three_members_make_a_witnessed_revision(world: World) -> None:
    """Known members who signed and cosigned lift a revision to the highest rung, within 20 kB of evidence for ten files."""
    files = {f"model-{number:05}-of-00010.safetensors": bytes([number]) for number in range(10)}
    world.revision = world.a.publish("org/name", files)
    shown = [world.attested_by(one) for one in (world.b, world.c)]
    data = world.a.evidence(world.revision, world.checkpoint(), [log for log, _ in shown], [bundle for _, bundle in shown])
    text = 'policy = 1\nbase = "careful"\nrung = "witnessed"\n[signers]\nneed = 3\n[witness]\nneed = 2\n[mirror]\nneed = 2\n'
    found = verify(data, world.trust(), policy_of(text))
    assert found.decision.rung is Rung.WITNESSED
    assert {one.member for one in found.facts.signatures} == {"a.example", "b.example", "c.example"}
    assert found.logs[0].unknown == ()
    assert len(data) < 20_000


def test_files_of_before_still_verify(world: World) -> None:
    """An evidence file in the first form of its logs is as good as it was."""
    data = world.evidence()
    old = as_before(data)
    assert (len(old) > len(data), verify(old).decision) == (True, verify(data).decision)


def test_a_commit_id_and_a_pinned_tree(world: World) -> None:
    """A commit id is verified without the ref; with its tree it is a pin; without either it is what the file is about."""
    one = world.revision
    by_rev = verify(world.evidence(), want=world.by_rev)
    assert (by_rev.position, by_rev.facts.want) == (None, Want.REVISION)
    assert verify(world.evidence(), want=replace(world.by_rev, tree=one.tree)).facts.want is Want.PINNED
    assert verify(world.evidence(), want=Wanted()).rev == one.rev


def test_a_tlog_policy_names_logs_and_cosigners(world: World) -> None:
    """A log and its witnesses that a policy names are known, and their cosignatures are counted by it."""
    keys = {one.key.name: one.key for one in world.cosigners() if not one.mirror and one.member != "a.example"}
    text = make_tlog_policy(world.a.vkey, keys, 2)
    policy = policy_of(f"policy = 1\nbase = 'open'\n[witness.logs]\n'a.example' = '''{text}'''\n")
    found = verify(world.evidence(), Trust(), policy)
    assert found.logs[0].known is Known.CONFIGURED
    assert found.facts.logs[0].witness is not None
    assert found.facts.logs[0].witness.time == NOW
    assert {one.key for one in with_policy(Trust(), policy).cosigners} == set(keys.values())


def _break(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return change


def _keep(lines: slice) -> Callable[[bytes], bytes]:
    return lambda data: b"".join(data.splitlines(keepends=True)[lines])


NO_MANIFEST = (
    "revision: the evidence has no signed manifest by a key that is known; a signer who is in no log is named with --key"
)
WRONG: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "checkpoint of another log": (
        _break(b'"checkpoint":"a.example\\n', b'"checkpoint":"b.example\\n'),
        "the signature of a.example",
    ),
    "another origin": (_break(b'"origin":"a.example","vkey"', b'"origin":"b.example","vkey"'), "is one of a.example"),
    "another vkey": (_break(b'"vkey":"a.example+', b'"vkey":"b.example+'), "the key id of a vkey"),
    "no vkey": (_break(b',"vkey":"', b',"vley":"'), "expected exactly the fields"),
    "altered leaf": (_break(b'"seq":1', b'"seq":2'), "log a.example: prev of a ref leaf"),
    "altered commit id in a leaf": (_break(b'"rev":"', b'"rev":"0'), "log a.example: a git object id"),
    "altered value in the map": (_break(b'"value":[1,"', b'"value":[2,"'), "log a.example: the proof leads to root"),
    "no map proof": (_keep(slice(0, 2)), "revision: no map proof shows what refs/heads/main"),
    "no log": (_keep(slice(0, 3, 2)), "log a.example: the evidence has a map proof, but does not show the log"),
    "no manifest": (_keep(slice(1, 3)), "revision: nobody has signed its list of files yet"),
    "altered signature": (_break(b'"sig":"ME', b'"sig":"MF'), NO_MANIFEST),
    "altered manifest": (_break(b'"payload":"ey', b'"payload":"ez'), NO_MANIFEST),
}


@pytest.mark.parametrize("name", WRONG)
def test_altered_evidence_fails(name: str, world: World) -> None:
    """Whatever is altered in what a verifier relies on fails, and says which step found it."""
    change, says = WRONG[name]
    failed = failures(change(world.evidence()))
    assert any(says in line for line in failed), failed


def mutation(data: bytes, at: int, bit: int) -> bytes:
    """Return the data with one bit flipped."""
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def _idle(data: bytes) -> set[int]:
    """Return the bytes that may change without a meaning: signatures of cosigners whom the reader does not know."""
    found: set[int] = set()
    for line in ("b.example/mirror", "b.example/witness", "c.example/mirror", "c.example/witness"):
        start = data.index(f"\\n\u2014 {line} ".encode())
        found |= set(range(start, data.index(b"\\n", start + 2) + 2))
    return found


def _same(one: VerifiedRevision, other: VerifiedRevision) -> bool:
    """Tell whether two verifications have the same outcome."""
    return (one.repo, one.rev, one.tree, one.files, one.facts) == (other.repo, other.rev, other.tree, other.files, other.facts)


def _changed_bytes_fail(sample: int | None, bits: Callable[[int], Iterable[int]]) -> None:
    world = make_world()
    data = world.evidence()
    whole, idle = verify(data), _idle(data)
    places = list(range(len(data))) if sample is None else random.Random(7).sample(range(len(data)), sample)
    for at in places:
        for bit in bits(at):
            try:
                found = verify(mutation(data, at, bit))
            except HanseError:
                continue
            assert at in idle or not _same(found, whole), f"byte {at} bit {bit}: {data[at - 30 : at + 10]!r}"


def test_a_changed_byte_is_never_the_same_thing() -> None:
    """A flipped bit is refused or verifies as something less, except in signatures of cosigners that are not known."""
    _changed_bytes_fail(400, lambda at: (at % 8,))


@pytest.mark.soak
def test_no_changed_byte_is_ever_the_same_thing() -> None:
    """The same for two bits of each byte of the file, others each day."""
    _changed_bytes_fail(None, lambda at: ((at + run_seed()) % 8, (at + run_seed() + 4) % 8))


@pytest.mark.long
def test_every_changed_bit_is_never_the_same_thing() -> None:
    """The same for each bit of the file."""
    _changed_bytes_fail(None, lambda _: range(8))


def test_every_failure_is_listed(world: World) -> None:
    """One failure does not hide another: a false cosignature and a missing map proof are both told, with what the policy says."""
    data = world.evidence()
    at = data.index(b"c.example/mirror ") + 60
    broken = data[:at] + (b"A" if data[at : at + 1] != b"A" else b"B") + data[at + 1 :]
    found = failures(_keep(slice(0, 2))(broken), world.trust(), preset("careful"))
    assert [line.partition(":")[0] for line in found[:1]] == ["cosigners of a.example"]
    assert len(found) > 2


def test_a_false_tree_is_noticed(world: World) -> None:
    """The tree is computed from the files of the manifest, not believed."""
    a, one = world.a, world.revision
    false = Sha256("1" * 64)
    leaf, at = a.set_ref(one.repo, one.rev, false)
    shown = a.snapshot()
    statement = manifest_statement("org/name", one.files, one.repo, one.rev, false)
    bundle, listed = a.log_statement(statement, one.repo, one.rev, false)
    lying = Revision(one.repo, MAIN, leaf.seq, one.rev, false, one.files, (at, shown, listed), bundle)
    says = f"manifest: the files of the manifest make tree {one.tree}, and it is signed for {false}"
    assert failures(a.evidence(lying)) == (says,)


def test_the_name_must_be_the_wanted_one(world: World) -> None:
    """Evidence of another repository, revision, tree or origin is not what was asked for, and says what it is about."""
    for want in (
        replace(LATEST, repo="org/other"),
        replace(LATEST, type=RepoType.DATASET),
        replace(world.by_rev, rev=GitOid("1" * 40)),
        replace(LATEST, tree=Sha256("1" * 64)),
        replace(LATEST, origin=Origin("b.example")),
    ):
        assert failures(world.evidence(), want=want)[0].startswith("revision: the evidence is about a.example/org/name")
    assert verify(world.evidence(), want=replace(LATEST, origin=Origin("a.example"))).rev == world.revision.rev


def test_two_revisions_in_one_file(world: World) -> None:
    """Where a file is about more than one thing, what is meant must be said."""
    other = world.a.publish("org/name", {"new": b"1"})
    data = world.shown_with([*world.a.needed(world.revision), *other.at], other) + world.revision.bundle.encode() + b"\n"
    assert failures(data, want=Wanted())[0] == "revision: the evidence has manifests of 2 such revisions, not of one"
    assert verify(data, want=world.by_rev).rev == world.revision.rev
    assert verify(data).rev == other.rev


def test_a_second_tree_of_a_commit_id(world: World) -> None:
    """A revision that had another tree before is refused for ever."""
    pins = Pins(world.a.origin, trees={("model", "org/name", world.revision.rev): "e" * 64})
    assert failures(world.evidence(), Trust(pins={world.a.origin: pins}))[0].startswith("seen: revision")


def test_a_ref_never_goes_back(world: World) -> None:
    """A position before the one that was seen is refused; the revision itself is not."""
    seen = with_ref(Pins(world.a.origin), RefPin("a.example", 99, 7, "c" * 40, "d" * 64))
    trust = Trust(pins={world.a.origin: seen})
    assert failures(world.evidence(), trust)[0].startswith("ref: refs/heads/main of org/name was at position 7")
    assert verify(world.evidence(), trust, want=world.by_rev).rev == world.revision.rev


def test_a_policy_refuses_what_is_true(world: World) -> None:
    """True and yet not enough is a refusal of its own kind, with every rule and what would make it pass."""
    with pytest.raises(PolicyError) as error:
        verify(world.evidence(), policy=preset("strict"))
    rules = {line.partition(":")[0] for line in error.value.failed}
    assert {"signers", "first-use", "witness", "rung"} <= rules
    assert all("; to pass: " in line for line in error.value.failed)


def test_stale_is_a_state_of_its_own(world: World) -> None:
    """What nobody vouched for lately is accepted as stale by `open` and refused by `careful` for what a ref points at."""
    week = NOW + 8 * 86_400
    assert verify(world.evidence(), world.trust(), now=week).decision.state is State.STALE
    with pytest.raises(PolicyError, match="stale"):
        verify(world.evidence(), world.trust(), preset("careful"), now=week)


def test_time_is_the_later_of_clock_and_cosignature(world: World) -> None:
    """A clock that is behind does not make old evidence fresh; a cosignature far ahead of it is remarked on."""
    data = world.a.evidence(world.revision, world.checkpoint(NOW + 7200))
    found = verify(data, world.trust())
    assert found.facts.now == NOW + 7200
    assert any("120 minutes ahead of this machine's clock" in one for one in found.notices)
    assert verify(data).facts.now == NOW


def test_a_verified_revision_cannot_be_made_up(world: World) -> None:
    """Neither by its constructor nor by changing a field of one."""
    found = verify(world.evidence())
    names = ("repo", "rev", "tree", "files", "position", "owner", "attested", "logs", "facts", "decision", "notices")
    fields = {name: getattr(found, name) for name in names}
    with pytest.raises(TypeError):
        VerifiedRevision(**fields, made_by=object())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        VerifiedRevision(**fields)
    with pytest.raises((TypeError, ValueError)):
        replace(found, rev="0" * 40)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        found.rev = "0" * 40  # type: ignore[misc]


@pytest.mark.soak
def test_the_type_checker_refuses_what_is_not_verified(tmp_path: Path) -> None:
    """Evidence that was only parsed cannot be passed where a verified revision is asked for, nor can one be made."""
    path = tmp_path / "forged.py"
    path.write_text(
        "from hanse.flows.verify import VerifiedRevision\n"
        "from hanse.model.evidence import UnverifiedEvidence\n"
        "def use(one: VerifiedRevision) -> None: ...\n"
        "use(UnverifiedEvidence())\n"
        "VerifiedRevision(None, '', '', (), None, None, (), (), None, None, (), object())\n"
    )
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--follow-imports=silent", str(path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=250)
    assert 'Argument 1 to "use" has incompatible type "UnverifiedEvidence"' in done.stdout
    assert 'Argument 12 to "VerifiedRevision" has incompatible type "object"; expected "_Seal"' in done.stdout
