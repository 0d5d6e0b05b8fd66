"""Changes of a federation: who joins, who goes, who has to agree."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.support.founders import NAME, NOW, Founder, changed, founded, founders

from hanse.errors import BadSignature, Conflict, HanseError, NotFoundError
from hanse.flows.federation.change import (
    Change,
    begin,
    explain,
    key_owners,
    make_request,
    parse_request,
    propose,
    root_keys,
    settle,
)
from hanse.flows.federation.kept import COPIES, KEYS, POLICY, Federation, tlog_policy_name
from hanse.model.canonical import canonical
from hanse.model.repo import Origin
from hanse.sign.proposal import Proposal, make_targets, merge, sign_proposal
from hanse.tlog.tlogpolicy import parse_tlog_policy

UNTIL = datetime.fromtimestamp(NOW + 86_400, tz=UTC)


def test_from_one_to_five() -> None:
    """A federation of one takes in four others; from then on three of five decide, and every log has a policy of the others."""
    people = founders(5)
    federation = founded(people, 3)
    assert list(federation.members.members) == [one.origin for one in people]
    assert (federation.trusted.role("root").need, len(root_keys(federation.trusted))) == (3, 5)
    for one in people:
        policy = parse_tlog_policy(federation.files[f"{one.origin}.tlog-policy"])
        assert set(policy.witnesses) == {other.origin for other in people} - {one.origin}
        assert [log.key.name for log in policy.logs] == [one.origin]


def test_joining_needs_the_threshold() -> None:
    """Two of three make somebody a member; one alone, or with the one who wants to join, does not."""
    people = founders(3)
    federation, newcomer = founded(people, 2), Founder(Origin("new.example"))
    change = Change(add=(newcomer.request(),))
    for by in ([people[0]], [people[0], newcomer]):
        with pytest.raises(BadSignature):
            changed(federation, change, *by)
    # The new root needs its own threshold too, which the newcomer may help to reach.
    after = changed(federation, change, people[0], people[2])
    assert newcomer.origin in after.members.members


def test_nobody_forces_out_another_alone() -> None:
    """A member and his key are removed by the threshold only; what remains works on without him."""
    people = founders(4)
    federation = founded(people, 3)
    change = Change(remove=(people[3].origin,), retire=(people[3].own.public.fingerprint,))
    with pytest.raises(BadSignature):
        changed(federation, change, people[0], people[1])
    after = changed(federation, change, *people[:3])
    assert people[3].origin not in after.members.members
    with pytest.raises(BadSignature):
        changed(after, Change(policy="x = 1\n"), people[3], people[0], people[0])
    assert changed(after, Change(policy='policy = 1\nbase = "careful"\n'), *people[:3]).files[POLICY]


def test_rules_stay_until_others_are_proposed() -> None:
    """The defaults of the policy and the rules for copies are in the list, and a change of something else keeps them."""
    people = founders(2)
    ruled = changed(founded(people, 2), Change(policy="policy = 1\n", copies="copies = 2\n"), *people)
    later = changed(ruled, Change(copies="copies = 4\n"), *people)
    after = changed(later, Change(), *people)
    assert [one.files[COPIES] for one in (ruled, later, after)] == [b"copies = 2\n", b"copies = 4\n", b"copies = 4\n"]
    assert after.files[POLICY] == b"policy = 1\n"
    assert explain(ruled, propose(ruled, Change(copies="copies = 4\n"), NOW)) == ["the rules for copies change"]


def test_keys_follow_members() -> None:
    """Who is taken off takes his key along, who brings another gives up the one before: nobody gets two by asking again."""
    people = founders(4)
    federation = founded(people, 2)
    assert key_owners(federation) == {one.own.public.fingerprint: one.origin for one in people}
    after = changed(federation, Change(remove=(people[3].origin,)), *people[:2])
    assert {one.fingerprint for one in root_keys(after.trusted)} == {one.own.public.fingerprint for one in people[:3]}
    again = Founder(people[0].origin, log=people[0].log)
    moved = changed(after, Change(add=(again.request(),)), *people[:2], again)
    assert again.own.public.fingerprint in key_owners(moved)
    assert people[0].own.public.fingerprint not in {one.fingerprint for one in root_keys(moved.trusted)}
    with pytest.raises(HanseError, match="no threshold"):
        propose(moved, Change(remove=(people[0].origin, people[1].origin)), NOW)


def test_a_key_counts_up_to_an_index() -> None:
    """A threshold says from where on a member's key counts no more; the earlier index stays, also when he is listed anew."""
    people = founders(3)
    federation, stolen = founded(people, 2), people[2].log.public.fingerprint
    with pytest.raises(NotFoundError):
        propose(federation, Change(distrust=((Origin("x.example"), stolen, 7),)), NOW)
    for index in (7, 9):
        federation = changed(federation, Change(distrust=((people[2].origin, stolen, index),)), *people[:2])
    again = replace(people[2], log=Founder(people[2].origin).log)
    after = changed(federation, Change(add=(again.request(),)), *people[:2])
    listed = after.members.members[people[2].origin]
    assert listed.distrusted == {stolen: 7}
    assert [key.public for key in listed.log] == [people[2].log.public, again.log.public]
    gone = changed(after, Change(distrust=((people[1].origin, people[1].witness.public.fingerprint, 0),)), *people[:2])
    policy = parse_tlog_policy(gone.files[f"{people[0].origin}.tlog-policy"])
    assert set(policy.witnesses) == {people[2].origin}


def test_keys_that_nobody_is_named_for() -> None:
    """In a federation begun before keys were listed a key goes only if it is named, and who signs is told so."""
    people = founders(3)
    federation = founded(people, 2)
    older = replace(federation, files={name: data for name, data in federation.files.items() if name != KEYS})
    proposal = propose(older, Change(remove=(people[2].origin,)), NOW)
    assert proposal.root == b""
    assert "unless --retire FINGERPRINT names it" in "\n".join(explain(older, proposal))
    retired = propose(older, Change(remove=(people[2].origin,), retire=(people[2].own.public.fingerprint[:8],)), NOW)
    assert "of nobody who is named signs no more" in "\n".join(explain(older, retired))
    for wrong in (b'{"keys":[]}', b'{"keys":{"a":1}}', b'{"keys":{"a":"?"}}', b"x"):
        with pytest.raises(HanseError):
            key_owners(replace(federation, files={KEYS: wrong}))


def altered(proposal: Proposal, federation: Federation, files: dict[str, bytes]) -> Proposal:
    """Return a proposal whose files somebody changed before he showed it to the others."""
    told = {name: data for name, data in {**proposal.files, **files}.items() if data}
    return replace(proposal, files=told, targets=make_targets(federation.trusted.targets_version + 1, told, UNTIL))


def test_nothing_is_changed_unsaid() -> None:
    """Keys named for others than before, policies of logs that the list does not make, and files nobody knows are told."""
    people = founders(4)
    federation = founded(people, 2)
    plain = propose(federation, Change(), NOW)
    owners = {one.own.public.fingerprint: one.origin for one in people} | {people[1].own.public.fingerprint: people[0].origin}
    stolen = altered(plain, federation, {KEYS: canonical({"v": 1, "keys": owners})})
    (line,) = explain(federation, stolen)
    assert f"{people[1].own.public.fingerprint[:16]} counts as that of member0.example, until now as that of member1" in line
    name = tlog_policy_name(people[1].origin)
    weaker = altered(plain, federation, {name: b"quorum none\n"})
    assert explain(federation, weaker) == [f"{name} is not what the list of members makes it"]
    assert explain(federation, altered(plain, federation, {name: b""})) == explain(federation, weaker)
    assert explain(federation, altered(plain, federation, {"more": b"x"})) == ["more is not what the list of members makes it"]


def test_another_key_where_none_is_named() -> None:
    """In a federation begun before keys were listed, who brings another keeps the one before unless it is named: that is told."""
    people = founders(3)
    federation = founded(people, 2)
    older = replace(federation, files={name: data for name, data in federation.files.items() if name != KEYS})
    again = replace(people[2], own=Founder(people[2].origin).own)
    told = "\n".join(explain(older, propose(older, Change(add=(again.request(),)), NOW)))
    assert "which key member2.example has is written nowhere" in told
    retired = Change(add=(again.request(),), retire=(people[2].own.public.fingerprint,))
    assert "written nowhere" not in "\n".join(explain(older, propose(older, retired, NOW)))


def test_a_request_is_of_who_it_says() -> None:
    """A request is signed by the log and the key that it names: neither can be put in by somebody else."""
    one, other = founders(2)
    with pytest.raises(BadSignature):
        parse_request(make_request(NAME, one.member, other.own, other.log))
    told = json.loads(make_request(NAME, one.member, one.own, one.log))
    told["key"] = other.own.public.text
    with pytest.raises(BadSignature):
        parse_request(json.dumps(told).encode())
    told = json.loads(make_request(NAME, one.member, one.own, one.log))
    told["member"]["capacity"] = 1
    with pytest.raises(BadSignature):
        parse_request(json.dumps(told).encode())
    wrongs: list[dict[str, object]] = [
        {},
        told | {"signatures": {}},
        told | {"v": 2},
        told | {"signatures": {"key": "*", "log": "*"}},
    ]
    for wrong in wrongs:
        with pytest.raises(HanseError):
            parse_request(json.dumps(wrong).encode())


def test_what_is_asked_for_must_be_there() -> None:
    """Members and keys that are not there cannot be removed, and a request to another federation is none to this one."""
    people = founders(2)
    federation = founded(people, 2)
    for change in (Change(remove=(Origin("x.example"),)), Change(retire=("f" * 64,)), Change(retire=("",))):
        with pytest.raises(NotFoundError):
            propose(federation, change, NOW)
    with pytest.raises(Conflict):
        propose(federation, Change(add=(people[1].request(Origin("other.example")),)), NOW)
    with pytest.raises(HanseError, match="no threshold"):
        propose(federation, Change(need=3), NOW)


def test_proposals_of_another_federation() -> None:
    """What one federation agreed on changes no other one."""
    one, other = founders(2)
    here = begin(NAME, one.member, one.own, NOW)
    there = begin(Origin("other.example"), other.member, other.own, NOW)
    proposal = sign_proposal(propose(there, Change(), NOW), other.own)
    with pytest.raises(Conflict):
        settle(here, merge([proposal]))


def test_who_signs_is_told_what_changes() -> None:
    """A proposal is explained in words: who joins or goes, which keys, which threshold, which fields."""
    people = founders(3)
    federation = founded(people[:2], 2)
    assert explain(federation, propose(federation, Change(), NOW)) == ["nothing but the version and the date of expiry"]
    change = Change(add=(people[2].request(),), remove=(people[1].origin,), need=1, policy="a = 1\n")
    told = "\n".join(explain(federation, propose(federation, change, NOW)))
    for words in (
        "Member2.Example (member2.example) joins",
        "member1.example) is taken off",
        "of member2.example signs from now on",
        "of member1.example signs no more",
        "1 of 2 keys",
        "policy",
    ):
        assert words in told


def test_dates_are_renewed() -> None:
    """A proposal of no change renews the list, and the root once it has half a year left: no federation runs out."""
    people = founders(3)
    federation = founded(people, 2)
    assert propose(federation, Change(), NOW + 86_400).root == b""
    later = NOW + 200 * 86_400
    renewed = settle(federation, merge([sign_proposal(propose(federation, Change(), later), one.own) for one in people[:2]]))
    assert renewed.trusted.root_version == federation.trusted.root_version + 1
    renewed.trusted.check_current(later + 365 * 86_400)
    assert explain(federation, propose(federation, Change(), later)) == ["nothing but the version and the date of expiry"]
