"""From federations and policies to the ways to deceive a reader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.founders import NAME, NOW, Founder, changed, founded, founders

from hanse.db.cosigners import Cosigner
from hanse.errors import NotFoundError
from hanse.flows.federation.change import Change, Request, begin
from hanse.flows.federation.kept import Federation
from hanse.flows.loaded_policy import LoadedPolicy, complete
from hanse.flows.status.protection import Ways, policy_of, protection
from hanse.model.repo import Origin
from hanse.policy.parse import parse_policy
from hanse.tlog.tlogpolicy import make_tlog_policy

OWN = Origin("member0.example")
STRICT = """policy = 1
base = 'strict'
[signers]
need = 3
[witness]
need = 3
[mirror]
need = 3
of = 'mirrors'
[groups.mirrors]
members = ['member0.example', 'member1.example', 'member2.example', 'member3.example', 'member4.example']
"""


@pytest.fixture(name="people", scope="module")
def _people() -> list[Founder]:
    """Return five institutions."""
    return founders(5)


@pytest.fixture(name="five", scope="module")
def _five(people: list[Founder]) -> Federation:
    """Return their federation, which three of them change."""
    return founded(people, 3)


def numbers(federation: Federation, loaded: LoadedPolicy, home: str = OWN) -> dict[str, int | None]:
    """Return how many each way takes."""
    return {one.kind: one.number for one in Ways([federation], loaded, OWN).of(home)}


def test_presets(five: Federation) -> None:
    """What a preset asks for is what a lie about a member's name takes, of five members."""
    expected = {"open": 1, "careful": 1, "strict": 1}
    for preset, number in expected.items():
        loaded = policy_of([five], preset)
        assert Ways([five], loaded, OWN).of(OWN)[0].number == number, preset
    assert numbers(five, policy_of([], "strict")) == {"federation": 3, "statement": 2, "two-logs": 1, "old-state": 2}
    with pytest.raises(NotFoundError):
        policy_of([five], "lenient")


def test_two_federations(tmp_path: Path, people: list[Founder], five: Federation) -> None:
    """Of two that list a member the one counts whose readers are deceived more easily, and is named."""
    strict = complete(parse_policy(STRICT, "strict"), "a file", tmp_path)
    small = begin(Origin("small.example"), people[0].member, people[0].own, NOW)
    alone, both = (Ways(some, strict, OWN).of(OWN)[0] for some in ([five], [five, small]))
    assert (alone.number, both.number) == (3, 1)
    assert "small.example" not in alone.says
    assert both.says.endswith("(readers who trust small.example)")


def test_the_federations_own_policy(people: list[Founder], five: Federation) -> None:
    """Its defaults are what readers are taken to apply; one's own operator never counts among one's mirrors."""
    listed = changed(five, Change(policy=STRICT), *people[:3])
    loaded = policy_of([listed])
    assert loaded.source == f"federation {NAME}, version 3"
    assert numbers(listed, loaded) == {"federation": 3, "statement": 3, "two-logs": 3, "old-state": 3}
    found = protection(listed, loaded, OWN)
    assert found.mirror[0].of == {f"member{at}.example" for at in range(1, 5)}
    mirrored = Ways([listed], loaded, OWN).of("huggingface.co")
    assert {one.kind: one.number for one in mirrored} == {"federation": 3, "statement": 3}


def test_a_default_that_cannot_be_used(people: list[Founder], five: Federation) -> None:
    """Readers who got one would refuse everything; the numbers are told of `careful`."""
    listed = changed(five, Change(policy="policy = 1\n[signers]\nneed = -1"), *people[:3])
    assert policy_of([listed]).policy.name == "careful"


def test_members_who_publish_files_only_cosign_nobody(people: list[Founder], five: Federation) -> None:
    """They are no witnesses and no mirrors."""
    quiet = Request(NAME, replace(people[4].member, static=True), people[4].own.public)
    listed = changed(five, Change(add=(quiet,)), *people[:3])
    found = protection(listed, policy_of([], "strict"), OWN)
    assert found.witness[0].of == found.mirror[0].of == {f"member{at}.example" for at in (1, 2, 3)}


def test_a_logs_own_policy_takes_the_place_of_numbers(people: list[Founder], five: Federation) -> None:
    """The tlog-policy that a policy has for a log says who its cosigners are, and what two quorums share."""
    witnesses = {str(one.origin): one.member.witness[0] for one in people[1:4]}
    text = make_tlog_policy(people[0].member.log[0], witnesses, 3)
    said = f"policy = 1\nbase = 'careful'\n[witness.logs]\n'{OWN}' = '''\n{text}'''\n"
    policy = complete(parse_policy(said, "own"), "test", Path("/nonexistent"))
    (pool,) = protection(five, policy, OWN).witness
    assert (pool.need, pool.overlap, set(pool.of)) == (3, 3, {f"member{at}.example" for at in (1, 2, 3)})


def test_warnings_that_may_be_withheld_without_a_word(five: Federation) -> None:
    """A policy that is content with three of five maps lets whoever carries the evidence leave out two who warn; no preset is."""
    for preset in ("open", "careful", "strict"):
        assert "advisories" not in numbers(five, policy_of([five], preset)), preset
    for rule, number in (("maps = 3", 0), ("maps = 4", None), ("stale = 'allow'", 0), ("need = 3\nmaps = 3", None)):
        loaded = complete(parse_policy(f"{STRICT}[advisories]\n{rule}\n", "few"), "a file", Path("/nonexistent"))
        assert numbers(five, loaded).get("advisories") == number, rule
        assert numbers(five, loaded, "huggingface.co").get("advisories") == number, rule


def test_without_a_federation() -> None:
    """A node alone is protected by whom it asks for cosignatures, and by nobody against itself."""
    key = "vkey"
    asked = [Cosigner(f"w{at}.example/{kind}", kind, key, "https://w", 0) for at in (1, 2) for kind in ("witness", "mirror")]
    found = {one.kind: one.number for one in Ways([], policy_of([], "careful"), OWN, asked).of(OWN)}
    assert found == {"statement": 1, "two-logs": 1, "old-state": 1}
    assert {one.number for one in Ways([], policy_of([], "strict"), OWN).of(OWN)} == {None}
