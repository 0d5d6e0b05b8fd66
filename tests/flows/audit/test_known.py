"""What an audit knows: pins of an upstream that is named, later without it, and what was found in bytes before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from tests.support.caches import download, write_cache

from hanse.clock import SystemClock
from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin
from hanse.flows.audit.folder import AuditReport, State, audit_folder
from hanse.flows.audit.known import Knowledge
from hanse.flows.policies import load_policy
from hanse.flows.pull.asked import PullSettings
from hanse.flows.pull.fetch import Fetcher
from hanse.flows.pull.puller import Puller
from hanse.model.repo import RepoType
from hanse.store.held import Held

FILES = {"config.json": b"{}", "model.bin": b"w" * 100_000}
MALICIOUS = b"cbuiltins\neval\n(S'print(1)'\ntR."
"""A pickle that runs code when it is loaded."""
Auditor = Callable[..., AuditReport]


@pytest.fixture(name="auditor")
def _auditor(tmp_path: Path) -> Iterator[Auditor]:
    """Return a function that audits the cache with or without an upstream, in one home."""
    with ExitStack() as stack:
        held = stack.enter_context(Held.open(tmp_path / "home" / "held"))

        def audit(upstream: str | None = None, *, scan: bool = False) -> AuditReport:
            policy = load_policy("open", tmp_path / "home")
            settings = PullSettings((), upstream, policy, tmp_path / "home", offline=upstream is None)
            with closing(Puller(settings, held, Fetcher(held), SystemClock())) as puller:
                knowledge = Knowledge(puller, int(time.time()), scan=scan)
                with closing(knowledge):
                    return audit_folder(tmp_path / "hub", held, knowledge.resolve, knowledge.judge)

        yield audit


def cached(tmp_path: Path, origin: HubOrigin, files: Mapping[str, bytes]) -> None:
    """Put files into the cache as the newest revision that the origin has."""
    write_cache(tmp_path / "hub", files, rev=origin.repo("org/name").newest.rev)


def test_a_poisoned_download_is_found(tmp_path: Path, auditor: Auditor) -> None:
    """A real client took altered bytes under false digests: an audit that asks an honest upstream finds them."""
    with HubOrigin({"org/name": FILES}) as liar, HubOrigin({"org/name": FILES}) as honest:
        assert liar.repo("org/name").newest.rev == honest.repo("org/name").newest.rev
        liar.faults.set(Fault.FALSE_CLAIMS, path="model.bin")
        download("hub2", liar.url, tmp_path / "hub", "org/name")
        assert auditor().revisions[0].state is State.UNKNOWN
        report = auditor(honest.url)
    assert {one.path: one.state for one in report.revisions[0].files} == {
        "config.json": State.VERIFIED,
        "model.bin": State.ALTERED,
    }


def test_known_without_network(tmp_path: Path, auditor: Auditor) -> None:
    """What an upstream said once is what the files are compared with when it is away."""
    with HubOrigin({"org/name": FILES}) as origin:
        cached(tmp_path, origin, FILES)
        (one,) = auditor(origin.url).revisions
        assert (one.state, one.rung) == (State.VERIFIED, "local")
    (again,) = auditor().revisions
    assert (again.state, again.rung) == (State.VERIFIED, "local")


def test_malicious_files_are_refused(tmp_path: Path, auditor: Auditor) -> None:
    """A malicious file is refused once it was scanned, by name and finding, and remembered as that without scanning."""
    files = {**FILES, "evil.pkl": MALICIOUS}
    with HubOrigin({"org/name": files}) as origin:
        cached(tmp_path, origin, files)
        assert auditor().revisions[0].state is State.UNKNOWN
        report = auditor(origin.url, scan=True)
    bad = {one.path: one for one in report.revisions[0].files}["evil.pkl"]
    assert bad.state is State.REFUSED
    assert "malicious" in bad.says
    assert auditor().revisions[0].state is State.REFUSED


def test_what_only_this_user_may_see(tmp_path: Path) -> None:
    """A gated revision that a token saw here is verified, offline and without the token, too: the bytes are the same."""
    home = tmp_path / "home"

    def audited(held: Held, upstream: str, token: str, *, offline: bool) -> State:
        settings = PullSettings((), upstream, load_policy("open", home), home, lambda _: token, offline)
        with closing(Puller(settings, held, Fetcher(held), SystemClock())) as puller, closing(Knowledge(puller, 1)) as known:
            return audit_folder(tmp_path / "hub", held, known.resolve, known.judge).revisions[0].state

    with Held.open(home / "held") as held, HubOrigin({"org/name": FILES}) as origin:
        origin.repo("org/name").tokens = frozenset({"mine"})
        cached(tmp_path, origin, FILES)
        settings = PullSettings((), origin.url, load_policy("open", home), home)
        assert audited(held, origin.url, "", offline=False) is State.UNKNOWN
        with closing(Puller(settings, held, Fetcher(held), SystemClock())) as puller:
            puller.revision(RepoType.MODEL, "org/name", "main", token="mine")
        assert audited(held, origin.url, "mine", offline=True) is State.VERIFIED
        assert audited(held, origin.url, "", offline=True) is State.VERIFIED
        assert audited(held, origin.url, "", offline=False) is State.VERIFIED
