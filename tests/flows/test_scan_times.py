"""Scans that differ in nothing but their times are shown once, and count for everybody who signed one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.flows.foreign.conftest import FILES, A, B, C
from tests.support.attesting import attest_scans, wait
from tests.support.fellows import MAIN, Fellows, fellows
from tests.support.nodes import add_user, commit
from tests.support.scanning import ODD, with_scanner
from tests.support.signers import signer
from tests.support.upstreams import NAME, upstream

from hanse.db.repos import Repo
from hanse.flows.evidence import of_revision
from hanse.flows.foreign.gather import Gathering
from hanse.flows.foreign.keep import keep_evidence
from hanse.flows.mirror.journey import mirror
from hanse.flows.policies import load_policy
from hanse.flows.publish import PutBytes
from hanse.flows.repos import create_repo
from hanse.flows.scan_times import payloads_at, shorten
from hanse.flows.settle import START, judge_next
from hanse.flows.trust import Wanted
from hanse.flows.verify import VerifiedRevision, verify_revision
from hanse.flows.witness import find_log
from hanse.jobs.pool import ScanPool
from hanse.model.digest import GitOid, Sha256
from hanse.model.evidence import parse_evidence
from hanse.model.finding import Coverage, Finding, Verdict
from hanse.model.publickey import Scheme
from hanse.model.repo import Origin, RepoId, RepoType, Visibility
from hanse.model.scan_times import MAX_TIMES, ScanTimes
from hanse.sign.bundle import Bundle, make_bundle
from hanse.sign.statement import SCAN, ScanReport, Statement, revision_subject, scan_statement

NAMED = RepoId(Origin(A), RepoType.MODEL, "alice", "m")
SUBJECT = revision_subject(NAMED, GitOid("1" * 40), Sha256("2" * 64))
REPORT = ScanReport("1", Sha256("3" * 64), Verdict.SAFE, Coverage.COMPLETE, (), Sha256("4" * 64), 1000)


def signed(by: str, report: ScanReport) -> Bundle:
    """Return a scan that somebody signed."""
    return make_bundle(scan_statement([SUBJECT], report), signer(by, Scheme.ECDSA_P256))


def test_what_differs_in_its_time_is_left_out() -> None:
    """The reader makes from the one that is shown exactly what the others signed; another verdict is shown in full."""
    mine, other = signed("a", REPORT), signed("b", replace(REPORT, time=2000))
    bad = signed("c", replace(REPORT, verdict=Verdict.MALICIOUS, time=3000))
    kept, times = shorten([mine.encode()], [other.encode(), bad.encode()])
    assert kept == [bad.encode()]
    assert times == [ScanTimes(mine.digest, (2000,))]
    assert payloads_at({mine.digest: mine.payload}, times) == {other.digest: other.payload}


def test_others_alone_are_shortened_too() -> None:
    """Who has no scan of his own shows the first of the others, and no more times than a line holds."""
    others = [signed("b", replace(REPORT, time=at)) for at in range(MAX_TIMES + 3)]
    kept, times = shorten([], [one.encode() for one in others])
    assert kept == [one.encode() for one in (others[0], *others[MAX_TIMES + 1 :])]
    made = payloads_at({others[0].digest: others[0].payload}, times)
    assert set(made) == {one.digest for one in others[1 : MAX_TIMES + 1]}


def test_what_is_no_scan_is_left_alone() -> None:
    """Other statements, scans that others wrote with several times, and bytes that are no bundle are shown as they are."""
    key = signer("b", Scheme.ECDSA_P256)
    said = scan_statement([SUBJECT], REPORT).predicate
    several = Statement((SUBJECT,), SCAN, {**said, "metadata": {**said["metadata"], "scanStartedOn": "1970-01-01T00:00:00Z"}})
    bare = Statement((SUBJECT,), SCAN, {"metadata": said["metadata"]})
    word = Statement((SUBJECT,), "https://a.example/word/v1", {"word": "good"})
    odd = [make_bundle(one, key).encode() for one in (several, bare, word)] + [b"{}"]
    assert shorten(odd, odd) == (odd, [])
    payload = word.encode()
    digest = Sha256(hashlib.sha256(payload).hexdigest())
    assert payloads_at({digest: payload}, [ScanTimes(digest, (1,)), ScanTimes(Sha256("5" * 64), (1,))]) == {}


def test_large_scans_are_left_alone() -> None:
    """A statement that would be costly to make again for each of many times is shown as it is, and no time is applied to it."""
    found = Finding("R", Verdict.SAFE, "x" * 70_000, "")
    mine, other = (signed("b", replace(REPORT, findings=(("x", found),), time=at)) for at in (1, 2))
    assert shorten([mine.encode()], [other.encode()]) == ([other.encode()], [])
    assert payloads_at({mine.digest: mine.payload}, [ScanTimes(mine.digest, (2,))]) == {}


def _scan_all(three: Fellows) -> None:
    """Let every member judge what it has and sign what it found, each at another time."""
    for origin in (A, B, C):
        three.clock.time += 60
        after = START
        while (found := judge_next(three[origin], 0, after)) is not None:
            after = found
        attest_scans(three[origin])
        wait(three[origin])
    three.round()


def _owned(three: Fellows) -> dict[str, Repo]:
    node = three[A]
    alice = add_user(node, "alice")
    repo = create_repo(node, alice, NAMED, Visibility.PUBLIC)
    commit(node, alice, repo, *(PutBytes(path, data) for path, data in (FILES | {"x.gguf": ODD}).items()))
    three.settle(A)
    found = {A: repo}
    for origin in (B, C):
        three.clock.time += 60
        found[origin] = three.copy(A, repo, origin)[0]
    return found


def _mirrored(three: Fellows) -> dict[str, Repo]:
    found = {}
    with upstream(FILES | {"x.gguf": ODD}) as (_, hub):
        for origin in (A, B, C):
            three.clock.time += 60
            found[origin] = mirror(three[origin], hub, RepoType.MODEL, NAME).repo
    return found


def _verified(three: Fellows, repo: Repo, data: bytes) -> VerifiedRevision:
    want = Wanted(origin=repo.repo.origin, repo=repo.repo.path, ref=MAIN)
    policy = load_policy("open", three[A].staging.root)
    return verify_revision(parse_evidence(data), three.trust, policy, want, three.clock.now())


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("made", [_owned, _mirrored])
def test_three_scans_in_twenty_kilobytes(made: Callable[[Fellows], dict[str, Repo]], tmp_path: Path, pool: ScanPool) -> None:
    """Three members scan ten files, each at its own time: one file has everybody's word for them and every scan, in 20 kB."""
    with fellows(tmp_path, A, B, C) as three:
        for origin in (A, B, C):
            three.nodes[origin] = with_scanner(three[origin], pool)
        at = made(three)
        _scan_all(three)
        for other in (B, C):
            Gathering(three[A], three.wire, 60).one(find_log(three[A], other))
        data = of_revision(three[A], at[A], "main")[1]
        assert keep_evidence(three[B], at[B], data) == 2, "C's scan is in A's file by its time alone"
        for shown in (data, of_revision(three[B], at[B], "main")[1]):
            assert len(shown) <= 20_000
            (times,) = parse_evidence(shown).times
            assert len(times.times) == 2
            found = _verified(three, at[A], shown)
            assert {one.member for one in found.attested if one.vouches} == {A, B, C}
            assert sorted(one.member for one in found.facts.scans) == [A, B, C]
            assert not found.notices
