"""From a name to a revision: nodes by evidence, and what never falls through to an upstream."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from tests.support.advising import record
from tests.support.attesting import attest_scans, cosigned, settle, wait
from tests.support.nodes import add_user, new_repo
from tests.support.publishing import Publisher
from tests.support.pulling import DEAD, FILES, Machine, content, machine, main_of, said_node
from tests.support.scanning import ODD, RULE, with_scanner
from tests.support.served import served

from hanse.conform.origin import HubOrigin
from hanse.content.gitobjects import blob_id
from hanse.errors import (
    PeerDown,
    PeerError,
    PeerMisbehaved,
    PolicyError,
    Recalled,
    RepoNotFound,
    VerificationFailed,
)
from hanse.flows.accounts import create_token
from hanse.flows.admission import flag_entries, head_entries
from hanse.flows.advisories.issue import issue, withdraw
from hanse.flows.fetch_evidence import NodeSource, fetch_evidence
from hanse.flows.node import Node
from hanse.flows.pull.fetch import Fetch
from hanse.flows.pull.known import Known
from hanse.flows.settle import START, judge_next
from hanse.flows.verify_folder import Question
from hanse.jobs.pool import ScanPool
from hanse.model.decision import Rung
from hanse.model.digest import Sha256
from hanse.model.repo import RepoType, Visibility
from hanse.peers.client import PeerClient


@pytest.fixture(name="publisher")
def _publisher(lite: Node) -> Iterator[Publisher]:
    with served(lite) as url:
        yield Publisher(lite, url)


# Nodes.


def test_a_node_answers_by_evidence(home: Machine, publisher: Publisher, origin: HubOrigin) -> None:
    """The signed files, named by their digests; the upstream is not asked."""
    rev = publisher.publish(FILES)
    puller = home.puller(publisher.url, upstream=origin.url)
    found = main_of(puller, "alice/m")
    assert (found.rev, found.rung, found.complete, found.repo.origin) == (rev, Rung.ATTESTED, True, publisher.node.origin)
    assert set(found.files) == {".gitattributes", *FILES}
    assert content(puller, found, "model.safetensors") == FILES["model.safetensors"]
    assert not origin.requests


def test_an_unsigned_revision_is_a_claim_of_its_node(home: Machine, publisher: Publisher) -> None:
    """What was uploaded a moment ago can be had under `open`, as local; a careful policy waits for the signature."""
    rev = publisher.publish(FILES, settled=False)
    found = main_of(home.puller(publisher.url), "alice/m")
    assert (found.rev, found.rung) == (rev, Rung.LOCAL)
    assert content(home.made[-1], found, "config.json") == b"{}"
    with pytest.raises((PolicyError, VerificationFailed)):
        main_of(home.puller(publisher.url, policy="careful"), "alice/m")
    settle(publisher.node)
    home.clock.time += 700
    assert main_of(home.puller(publisher.url), "alice/m").rung is Rung.ATTESTED


def test_a_cosigner_that_fell_silent_hides_nothing(home: Machine, publisher: Publisher) -> None:
    """A node whose log went on after the last cosignature is believed about both names, whichever was seen first."""
    rev = publisher.publish(FILES)
    cosigned(publisher.node, ["b.example"], home.clock.time)
    publisher.repo = None
    publisher.publish(FILES, name="alice/n")
    for _ in range(2):
        main_of(home.puller(publisher.url), "alice/n")
        found = main_of(home.puller(publisher.url), "alice/m")
        assert (found.rev, found.rung, found.notices) == (rev, Rung.ATTESTED, ())
        home.clock.time += 600


def test_what_is_signed_overrules_a_false_first_sight(home: Machine, publisher: Publisher) -> None:
    """A digest that was only claimed, and false, gives way by itself to evidence, which is said; a signed one never does."""
    publisher.publish(FILES, settled=False)
    claimed = main_of(home.puller(publisher.url), "alice/m")
    known = Known(home.held)
    before = known.revision(claimed.repo, claimed.rev)
    assert before is not None
    false = replace(before.files["model.safetensors"], sha256=Sha256("f" * 64), xet=None)
    known.keep_revision(replace(before, files={**before.files, false.path: false}))
    settle(publisher.node)
    home.clock.time += 700
    found = main_of(home.puller(publisher.url), "alice/m")
    assert content(home.made[-1], found, "model.safetensors") == FILES["model.safetensors"]
    assert any("with another model.safetensors, unsigned" in one for one in found.notices)
    again = main_of(home.puller(publisher.url), "alice/m")
    assert not any("unsigned" in one for one in again.notices)


def test_a_members_name_never_falls_through(home: Machine, publisher: Publisher) -> None:
    """Not when the member has no such repository, not when it is down: whoever takes the name at the upstream gets nothing."""
    publisher.publish(FILES)
    with HubOrigin({"alice/m": {"evil": b"1"}, "alice/other": {"evil": b"1"}, "org/x": {"a": b"1"}}) as upstream:
        with pytest.raises(RepoNotFound, match="a member's"):
            main_of(home.puller(publisher.url, upstream=upstream.url), "alice/other")
        assert main_of(home.puller(publisher.url, upstream=upstream.url), "org/x").rev
        found = main_of(home.puller(publisher.url, upstream=upstream.url), "alice/m")
        home.clock.time += 3600
        held = main_of(home.puller(DEAD, upstream=upstream.url), "alice/m")
        assert (held.rev, held.as_of, held.rung) == (found.rev, home.clock.time - 3600, Rung.ATTESTED)
        with pytest.raises(PeerDown):
            main_of(home.puller(DEAD, upstream=upstream.url), "alice/other")
        with pytest.raises(PeerDown, match="is not known"):
            main_of(home.puller(DEAD, upstream=upstream.url), "new/name")
        assert main_of(home.puller(DEAD, upstream=upstream.url), "org/x").as_of is None
    assert not [one for one in upstream.requests if "/alice/" in one.target]


def test_a_node_that_answers_takes_the_name_over(home: Machine, publisher: Publisher) -> None:
    """A name that an upstream had first belongs to the node that shows evidence for it."""
    with HubOrigin({"alice/m": {"old": b"1"}}) as upstream:
        main_of(home.puller(upstream=upstream.url), "alice/m")
        publisher.publish(FILES)
        found = main_of(home.puller(publisher.url, upstream=upstream.url), "alice/m")
        assert found.repo.origin == publisher.node.origin
        with pytest.raises(PeerError):
            main_of(home.puller(DEAD, upstream=upstream.url), "alice/m", revision="v9")


def test_a_node_that_is_the_upstream_too_falls_silent(home: Machine, lite: Node) -> None:
    """As with HF_ENDPOINT alone: what is held is given with its age, and what is not is said to be out of reach, not absent."""
    with served(lite) as url:
        publisher = Publisher(lite, url)
        rev = publisher.publish(FILES)
        main_of(home.puller(url, upstream=url), "alice/m")
        publisher.publish(FILES, name="other")
    home.clock.time += 7200
    found = main_of(home.puller(url, upstream=url), "alice/m")
    assert (found.rev, found.as_of is not None) == (rev, True)
    with pytest.raises(PeerDown, match=f"alice/other is of {lite.origin}"):
        main_of(home.puller(url, upstream=url), "alice/other")


def test_one_liar_does_not_stop_the_others(home: Machine, publisher: Publisher) -> None:
    """Evidence that is false by itself is left out, and its node named."""
    rev = publisher.publish(FILES)
    with said_node() as liar:
        liar.table["/api/models/alice/m/evidence/main"] = (200, b"{}")
        found = main_of(home.puller(liar.url, publisher.url), "alice/m")
    assert found.rev == rev
    assert any(one.startswith(f"{liar.url} is left out") for one in found.notices)


def test_an_old_state_does_not_beat_what_is_held(home: Machine, publisher: Publisher) -> None:
    """A node that shows what was true before gets nobody back; what is held is newer, and is given with its age."""
    publisher.publish(FILES)
    with closing(PeerClient()) as client:
        old = fetch_evidence(client, publisher.url, RepoType.MODEL, "alice/m", revision="main")
    second = publisher.publish(FILES | {"config.json": b"[]"})
    assert main_of(home.puller(publisher.url), "alice/m").rev == second
    home.clock.time += 3600
    with said_node() as liar:
        liar.table["/api/models/alice/m/evidence/main"] = (200, old)
        found = main_of(home.puller(liar.url), "alice/m")
    assert (found.rev, found.as_of) == (second, home.clock.time - 3600)
    assert any("shows is not enough" in one for one in found.notices)


def test_a_recalled_revision_is_refused_from_then_on(home: Machine, publisher: Publisher) -> None:
    """Its node gives it to nobody any more: neither does this machine, also when the node is away; until it is given again."""
    rev = publisher.publish(FILES)
    with said_node() as node:
        target = "/api/models/alice/m/evidence/main"
        with closing(PeerClient()) as client:
            data = fetch_evidence(client, publisher.url, RepoType.MODEL, "alice/m", revision="main")
        node.table[target] = (200, data)
        assert main_of(home.puller(node.url), "alice/m").rev == rev
        node.headers[target] = {"X-Hanse-Recalled": "model.safetensors is malicious", "X-Repo-Commit": rev}
        for puller in (home.puller(node.url), home.puller(DEAD), home.puller(node.url, offline=True)):
            with pytest.raises(Recalled, match="is malicious"):
                main_of(puller, "alice/m")
        with pytest.raises(Recalled, match="is malicious"):  # what was asked for by name is known by its commit id, too
            main_of(home.puller(offline=True), "alice/m", rev)
        assert main_of(home.puller(publisher.url, node.url), "alice/m").rev == rev  # the home node gives it, and that counts
        assert main_of(home.puller(offline=True), "alice/m", rev).rev == rev
        del node.headers[target]
        assert main_of(home.puller(node.url), "alice/m").rev == rev
        assert main_of(home.puller(offline=True), "alice/m").rev == rev


def test_what_a_node_recalls_is_recalled_here(home: Machine, publisher: Publisher, pool: ScanPool) -> None:
    """A ruleset that condemns what was served takes it from who has it already, by name and commit id, also offline."""
    with served(with_scanner(publisher.node, pool, "caution")) as url:
        rev = publisher.publish({"x.gguf": ODD})
        assert main_of(home.puller(url), "alice/m").rev == rev
    strict = with_scanner(publisher.node, pool)
    assert publisher.repo is not None
    flag_entries(strict, publisher.repo.id, list(head_entries(strict, publisher.repo.id)))
    with served(strict) as url, closing(PeerClient()) as client:
        with pytest.raises(Recalled, match=RULE):
            main_of(home.puller(url), "alice/m")
        with pytest.raises(Recalled, match=RULE):  # whoever verifies what he has and asks the node
            NodeSource(client, url).evidence(Question("alice/m"))
    for revision in ("main", rev):
        with pytest.raises(Recalled, match=RULE):
            main_of(home.puller(offline=True), "alice/m", revision)


def test_what_is_refused_by_its_name_is_recalled_by_its_commit_id(home: Machine, publisher: Publisher) -> None:
    """Whoever learnt of an advisory when he asked for `main` knows it of the revision, too, until it is taken back."""
    rev = publisher.publish(FILES)
    main_of(home.puller(publisher.url), "alice/m")
    package = {"purl": f"pkg:huggingface/alice/m?repository_url={publisher.node.origin}"}
    said = issue(publisher.node, record(affected=[{"package": package}]))
    wait(publisher.node)
    with pytest.raises(PolicyError, match="it runs code"):
        main_of(home.puller(publisher.url), "alice/m")
    with pytest.raises(Recalled, match="it runs code"):
        main_of(home.puller(offline=True), "alice/m", rev)
    withdraw(publisher.node, said.id)
    wait(publisher.node)
    main_of(home.puller(publisher.url), "alice/m")
    assert main_of(home.puller(offline=True), "alice/m", rev).rev == rev


def test_nothing_is_named_by_what_nobody_signed(home: Machine, publisher: Publisher) -> None:
    """A node that says of one signed file that git calls it as another one makes no client use the one in place of the other."""
    rev = publisher.publish(FILES | {"other.json": b"{1}"})
    with said_node() as node:
        with closing(PeerClient()) as client:
            data = fetch_evidence(client, publisher.url, RepoType.MODEL, "alice/m", revision="main")
        node.table["/api/models/alice/m/evidence/main"] = (200, data)
        oid = blob_id(b"{1}")
        rows = [{"type": "file", "path": path, "size": len(text), "oid": oid} for path, text in FILES.items()]
        node.table[f"/api/models/alice/m/tree/{rev}?recursive=true&expand=false"] = (200, json.dumps(rows).encode())
        found = main_of(home.puller(node.url, publisher.url), "alice/m")
    assert all(pin.etag == pin.sha256 for pin in found.files.values())
    assert content(home.made[-1], found, "config.json") == b"{}"


def test_scans_that_the_policy_counts_spare_the_own(home: Machine, publisher: Publisher, pool: ScanPool) -> None:
    """A file that the node's signed scan covers streams; without such a scan it is staged and scanned here."""
    big = random.Random(1).randbytes(3_000_000)
    publisher.publish({"a.bin": big})
    puller = home.puller(publisher.url)
    found = main_of(puller, "alice/m")
    fetch = puller.file(found, "a.bin")
    assert isinstance(fetch, Fetch)
    assert fetch.settle(120)
    assert fetch.wait(120)
    scanned = with_scanner(publisher.node, pool)
    with machine(home.folder / "other") as other, served(scanned) as url:
        Publisher(scanned, url).publish({"a.bin": big}, name="alice/n")
        after = START
        while (at := judge_next(scanned, 0, after)) is not None:
            after = at
        attest_scans(scanned)
        wait(scanned)
        puller = other.puller(url)
        found = main_of(puller, "alice/n")
        assert any(one.member for one in found.facts.scans)
        assert content(puller, found, "a.bin") == big
        assert puller._judge._pool is None


def test_a_private_repository_of_a_node(home: Machine, publisher: Publisher) -> None:
    """Who may see it gets it verified; nobody else does, also not from what is held."""
    alice = add_user(publisher.node, "alice")
    publisher.repo = new_repo(publisher.node, alice, "alice/m", Visibility.PRIVATE)
    publisher.publish(FILES)
    _, token = create_token(publisher.node.db, publisher.node.clock, "alice", "reading", role="read")
    with pytest.raises(RepoNotFound):
        main_of(home.puller(publisher.url), "alice/m")
    puller = home.puller(publisher.url)
    found = main_of(puller, "alice/m", token=token)
    assert content(puller, found, "config.json") == b"{}"
    home.clock.time += 3600
    assert main_of(home.puller(DEAD), "alice/m", token=token).rev == found.rev
    with pytest.raises(PeerError):
        main_of(home.puller(DEAD), "alice/m")


def test_an_old_name_without_a_namespace(home: Machine) -> None:
    """The upstream says once what it stands for; where nobody said it is refused, and so is a name for something else."""
    with said_node() as hub:
        for name, said in (("gpt2", "openai/gpt2"), ("bert", "evil/gpt2")):
            info = {"id": said, "sha": "a" * 40}
            hub.table[f"/api/models/{name}/revision/main"] = (200, json.dumps(info).encode())
            hub.table[f"/api/models/{said}/revision/main"] = (200, json.dumps(info).encode())
        row = {"type": "file", "path": "a", "size": 2, "oid": blob_id(b"{}")}
        hub.table[f"/api/models/openai/gpt2/tree/{'a' * 40}?recursive=true&expand=false"] = (200, json.dumps([row]).encode())
        with pytest.raises(RepoNotFound):
            main_of(home.puller(upstream=hub.url, offline=True), "gpt2")
        assert main_of(home.puller(upstream=hub.url), "gpt2").repo.path == "openai/gpt2"
        with pytest.raises(PeerMisbehaved):
            main_of(home.puller(upstream=hub.url), "bert")
    assert main_of(home.puller(upstream=hub.url, offline=True), "gpt2").rev == "a" * 40


def test_a_node_in_the_place_of_an_upstream(home: Machine) -> None:
    """Where the upstream cannot be reached, a node that fetches from it says what it says, under the upstream's name."""
    with HubOrigin({"org/m": FILES}) as node:
        found = main_of(home.puller(node.url, upstream=DEAD))
        assert found.repo.origin == "127.0.0.1-9"
        assert any(one.startswith(f"as {node.url} says") for one in found.notices)
        assert content(home.made[-1], found, "config.json") == b"{}"


def test_a_token_is_for_the_home_node_alone(home: Machine) -> None:
    """The caller's own goes to the first node, what the user has for another server goes there, and nothing to anybody else."""
    with said_node() as first, said_node() as second, said_node() as upstream:
        puller = home.puller(
            first.url, second.url, upstream=upstream.url, token_for=lambda url: "hub" if url == upstream.url else ""
        )
        with pytest.raises(RepoNotFound):
            main_of(puller, token="mine")
    assert {token for _, token in first.asked} <= {"Bearer mine", ""}
    assert {token for _, token in second.asked} == {""}
    assert {token for _, token in upstream.asked} == {"Bearer hub"}


def test_a_read_only_home_is_said(home: Machine, publisher: Publisher) -> None:
    """What was seen cannot be remembered; the revision is verified all the same."""
    (home.home / "pins" / ".lock").mkdir(parents=True)  # a folder where the lock would be: root cannot write it either
    publisher.publish(FILES)
    found = main_of(home.puller(publisher.url), "alice/m")
    assert any("cannot be remembered" in one for one in found.notices)
