"""What nodes say of a name, put together and verified: one liar stops nobody, and nothing older beats what is newer."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.evidence import Revision
from tests.support.federation import World
from tests.support.parties import HOME, NAME, POLICY, SECOND, Institution
from tests.support.pulling import DEAD, SaidNode, said_node

from hanse.errors import Equivocation, PolicyError, VerificationFailed
from hanse.flows.loaded_policy import LoadedPolicy, complete
from hanse.flows.pins import LogSeen, Pins, read_pins, remember
from hanse.flows.pull.answers import NodeAnswer, State
from hanse.flows.pull.asked import Asked, PullSettings, parse_asked
from hanse.flows.pull.asknodes import Found, ask_node, remember_found, verify_shown
from hanse.flows.pull.merge import Shown
from hanse.flows.trust import mirror_name, witness_name
from hanse.model.evidence import LogEvidence, encode_evidence, parse_evidence
from hanse.model.repo import Origin, RepoType
from hanse.peers.client import PeerClient
from hanse.policy.parse import parse_policy
from hanse.policy.presets import PRESETS
from hanse.tlog.cosignature import cosigner_key

ASKED = parse_asked(RepoType.MODEL, NAME, "main")
EVIDENCE = f"/api/models/{NAME}/evidence/main"


class Federation:
    """Five members, and somebody who met them all and asks several nodes."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.home = folder / "home"
        self.online = True
        self.branches: dict[str, Institution] = {}
        self.log: Institution | None = None
        for one in self.world.members.values():
            keys = [(witness_name, one.witness), (mirror_name, one.mirror)]
            cosigners = frozenset(cosigner_key(name(one.origin), key.public).text for name, key in keys)
            head = one.log.head()
            seen = LogSeen(one.origin, (one.vkey.text,), head.size, head.root, one.signed_head, True, cosigners=cosigners)
            remember(self.home, (seen,), None, self.world.now)
        policy = complete(parse_policy(POLICY), "world", folder)
        self.settings = PullSettings((), None, policy, self.home)

    def own_logs(self) -> frozenset[Origin]:
        """Return nothing: nobody was named by address."""
        return frozenset()

    def growth(self, logs: Iterable[LogEvidence], pins: Mapping[Origin, Pins]) -> dict[Origin, tuple[bytes, ...]]:
        """Return the proofs as the nodes have them, of the logs as they are."""
        found = {}
        for shown in logs:
            pinned = pins[shown.origin].log
            log = self.log if self.log and shown.origin == HOME else self.world.members.get(shown.origin)
            if pinned is not None and log is not None:
                size = int(shown.checkpoint.split(b"\n")[1])
                if pinned.size != size and max(pinned.size, size) <= len(log.log.leaves):
                    found[shown.origin] = log.growth(*sorted((pinned.size, size)))
        return found

    def of(self, node: str) -> Federation:
        """Return what shows the growth as one node has it."""
        made = copy.copy(self)
        made.log = self.branches.get(node)
        return made

    def verify(self, *shown: bytes, asked: Asked = ASKED) -> Found:
        """Verify what nodes 0, 1, … show, and remember it."""
        files = [Shown(f"node{number}", data) for number, data in enumerate(shown)]
        found = verify_shown(files, asked, self.settings, self, self.world.now)
        assert remember_found(self.home, found.revision, self.world.now) == ""
        return found

    def at_home(self, revision: Revision) -> bytes:
        """Return what the publisher's node shows: its own log alone."""
        home = self.world.home
        return home.evidence(revision, self.world.cosign(home))

    def elsewhere(self, revision: Revision) -> bytes:
        """Return what the second member's node shows: its own log, which attests the revision."""
        seconds = self.world.seconds[revision.rev]
        shown = [one.shown([index, *one.keys.values()], self.world.cosign(one)) for one, _, index in seconds]
        return encode_evidence([bundle for _, bundle, _ in seconds], shown, [])


@pytest.fixture(name="members")
def _members(tmp_path: Path) -> Federation:
    return Federation(tmp_path)


def test_evidence_of_several_nodes_is_one(members: Federation) -> None:
    """Neither node's file is enough for a policy that asks for two members; together they are."""
    revision = members.world.publish()
    home, second = members.at_home(revision), members.elsewhere(revision)
    for one in (home, second):
        with pytest.raises((PolicyError, VerificationFailed)):
            members.verify(one)
    found = members.verify(second, home)
    assert (found.revision.rev, found.false, found.older) == (revision.rev, {}, ())
    assert {one.member for one in found.revision.attested} == {HOME, SECOND}
    assert members.verify(found.data).revision.rev == revision.rev


def test_a_false_file_is_left_out_and_its_node_named(members: Federation) -> None:
    """A bit that does not verify, a file that is none, a huge log that nobody signed: each costs only the node that shows it."""
    revision = members.world.publish()
    good = (members.at_home(revision), members.elsewhere(revision))
    flipped = good[0].replace(b'"path":["', b'"path":["AAAA', 1)
    size = parse_evidence(good[0]).logs[0].checkpoint.split(b"\n")[1]
    longer = good[0].replace(b"\\n" + size + b"\\n", b"\\n99999999\\n", 1)
    assert longer != good[0]
    for bad in (flipped, longer, b"{}", b"", b"<html>", b"\xff" * 100):
        for shown in ((bad, *good), (*good, bad)):
            found = members.verify(*shown)
            assert found.revision.rev == revision.rev
            assert list(found.false) == [f"node{shown.index(bad)}"]


def test_an_older_state_never_beats_a_newer_one(members: Federation) -> None:
    """Whoever shows the older one is named; alone he is refused, because the newer one was seen."""
    first = members.world.publish()
    old = (members.at_home(first), members.elsewhere(first))
    members.verify(*old)
    second = members.world.publish(b"newer")
    new = (members.at_home(second), members.elsewhere(second))
    found = members.verify(*old, *new)
    assert found.revision.rev == second.rev
    assert ("node0", HOME) in found.older
    with pytest.raises(VerificationFailed, match="was seen with more"):
        members.verify(*old)
    pinned = members.verify(*old, asked=parse_asked(RepoType.MODEL, NAME, first.rev))
    assert pinned.revision.rev == first.rev


def test_a_hidden_newer_revision_is_noticed(members: Federation) -> None:
    """One node that shows it is enough, also for somebody who is here for the first time."""
    first = members.world.publish()
    old = (members.at_home(first), members.elsewhere(first))
    second = members.world.publish(b"newer")
    found = members.verify(*old, members.at_home(second), members.elsewhere(second))
    assert found.revision.rev == second.rev


def test_a_checkpoint_that_nobody_cosigned_yet(members: Federation) -> None:
    """Who shows a log further than others cosigned it keeps nobody from what they did; nobody goes back behind what he saw."""
    revision, home = members.world.publish(), members.world.home
    good = (members.at_home(revision), members.elsewhere(revision))
    home.publish("org/other", {"config.json": b"{}"})
    bare = home.evidence(revision, home.signed_head)
    with pytest.raises(PolicyError, match="not enough others cosigned"):
        members.verify(bare, good[1])
    size = parse_evidence(good[0]).logs[0].checkpoint.split(b"\n")[1]
    for files in ((*good, bare), (bare, *good)):
        found = members.verify(*files)
        shown = next(log.checkpoint.size for log in found.revision.logs if log.origin == HOME)
        assert (found.revision.rev, shown, found.false, found.older) == (revision.rev, int(size), {}, ())
    members.verify(members.at_home(revision), *good, bare)
    for more in ((), (bare,)):
        with pytest.raises((PolicyError, VerificationFailed), match=r"was seen with more|not enough others cosigned"):
            members.verify(*good, *more)


def test_a_newer_revision_is_not_left_for_an_older_one(members: Federation) -> None:
    """A newer `main` that too few have signed is refused, though an older one is shown that enough did."""
    first = members.world.publish()
    good = (members.at_home(first), members.elsewhere(first))
    second = members.world.publish(b"newer", second=False)
    bare = members.world.home.evidence(second, members.world.home.signed_head)
    with pytest.raises(PolicyError, match="signed by 1 of 2"):
        members.verify(*good, bare)


def test_a_log_with_two_histories_is_an_alarm(members: Federation) -> None:
    """Both heads are kept as proof; nothing is accepted."""
    branch = members.world.home.branch()
    revision = members.world.publish()
    other = members.world.publish(b"other", log=branch, second=False, wanted=False)
    forked = branch.evidence(other, branch.signed_head)
    assert len(branch.log.leaves) == len(members.world.home.log.leaves)
    shown = [members.at_home(revision), members.elsewhere(revision), forked]
    for files in (shown, shown[::-1]):
        members.branches = {f"node{files.index(forked)}": branch}
        with pytest.raises(Equivocation, match="two logs of one size") as error:
            members.verify(*files)
        assert len(set(error.value.evidence)) == 2
    assert read_pins(members.home, Origin(HOME)).tree(RepoType.MODEL, NAME, other.rev) is None


@pytest.mark.parametrize("longer", [True, False])
def test_two_histories_of_different_length(members: Federation, *, longer: bool) -> None:
    """The shorter one is no older state: a newcomer gets neither; who saw one before leaves out the node with the other."""
    members.settings = replace(members.settings, home=members.home / "new", policy=LoadedPolicy(PRESETS["open"], "preset open"))
    home, branch = members.world.home, members.world.home.branch()
    revision = members.world.publish()
    other = members.world.publish(b"other", log=branch, second=False, wanted=False)
    (branch if longer else home).publish("org/other", {"config.json": b"{}"})
    right, forked = members.at_home(revision), branch.evidence(other, branch.signed_head)
    for files in ((right, forked), (forked, right)):
        members.branches = {f"node{files.index(forked)}": branch}
        with pytest.raises(Equivocation, match="none continues the other") as error:
            members.verify(*files)
        assert len(set(error.value.evidence)) == 2
    members.home = members.settings.home
    members.verify(right)
    found = members.verify(forked, right)
    assert (found.revision.rev, list(found.false)) == (revision.rev, ["node0"])


# One node.


@pytest.fixture(name="said")
def _said() -> Iterator[SaidNode]:
    with said_node() as made:
        yield made


def ask(url: str, token: str = "") -> NodeAnswer:
    """Ask a node."""
    with closing(PeerClient(seconds=60)) as client:
        return ask_node(client, url, ASKED, token)


def test_what_a_node_says_becomes_a_state(said: SaidNode) -> None:
    """Evidence, no such repository, no such revision, a member's name, a recall, a gate, and anything else is no answer."""
    said.table[EVIDENCE] = (200, b"{}\n")
    assert (ask(said.url).state, ask(said.url).data) == (State.SHOWN, b"{}\n")
    for status, code, state in (
        (404, "RepoNotFound", State.ABSENT),
        (401, "RepoNotFound", State.ABSENT),
        (404, "RevisionNotFound", State.ABSENT),
        (404, "Recalled", State.RECALLED),
        (403, "GatedRepo", State.GATED),
        (500, "Error", State.DOWN),
        (302, "", State.DOWN),
    ):
        said.refuse(EVIDENCE, status, code, "because")
        found = ask(said.url)
        assert (found.state, found.revision) == (state, code == "RevisionNotFound")
        assert "because" in found.says
    said.refuse(EVIDENCE, 404, "RepoNotFound", "no")
    said.table["/v1/namespaces/org/keys"] = (200, b'[{"key":"a"}]')
    assert ask(said.url).state is State.CLAIMED
    assert ask(DEAD).state is State.DOWN


def test_a_node_that_says_nonsense_is_down_or_absent(said: SaidNode) -> None:
    """Refusals that are no JSON, deep JSON and JSON of another form do no harm."""
    for body in (b"[" * 100_000, b"null", b'"x"', b"\xff", b'{"error":[]}'):
        said.table[EVIDENCE] = (404, body)
        said.table["/v1/namespaces/org/keys"] = (200, body)
        assert ask(said.url).state in (State.ABSENT, State.CLAIMED)


def test_a_token_that_the_node_does_not_know_hides_nothing_public(said: SaidNode) -> None:
    """It is asked again as nobody."""
    said.refuse(EVIDENCE, 401, "BadToken", "Invalid credentials in Authorization header")
    assert ask(said.url, "hf_foreign").state is State.ABSENT
    assert [token for target, token in said.asked if target == EVIDENCE] == ["Bearer hf_foreign", ""]
