"""A hostile origin against mirroring: nothing false is ever taken in, the culprit is named, and honesty heals it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.support.hostile import REPO, STALL, WEIGHTS, contents
from tests.support.nodes import make_node, running

from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin
from hanse.db import alarms, notices, revisions
from hanse.db.engine import Database, sqlite_url
from hanse.db.schema import files
from hanse.errors import HanseError
from hanse.flows import access
from hanse.flows.mirror.hubs import HubUpstream
from hanse.flows.mirror.journey import Mirrored, mirror
from hanse.flows.mirror.patience import Patience
from hanse.flows.mirror.rows import find_mirror
from hanse.flows.node import Node
from hanse.model.repo import Origin, RefName, RepoId, RepoType
from hanse.peers.bulk import BulkClient
from hanse.peers.hub import Hub

MODEL = RepoType.MODEL
LIES = {Fault.WRONG_BYTES, Fault.REFRAMED, Fault.ABORT_RESUME, Fault.SHIFTED_RANGE}
"""What makes an origin send other bytes than it said: only these may be called lies."""
STATES = (Fault.OLD_STATE, Fault.HIDDEN_NEWER)
SOME = (
    Fault.WRONG_BYTES,
    Fault.ABORT_RESUME,
    Fault.TRUNCATED,
    Fault.FULL_FOR_RANGE,
    Fault.SHORT,
    Fault.LONG,
    Fault.ENDLESS,
    Fault.REDIRECT,
    Fault.HUGE_JSON,
    Fault.BAD_PATHS,
)
CLAIMS = (Fault.FALSE_CLAIMS, Fault.WRONG_REVISION, Fault.TREE_SIZE)
"""What makes an origin claim other digests than before: only the second claim can be seen to be false."""
REST = tuple(one for one in Fault if one not in (*SOME, *STATES, *CLAIMS, Fault.SWAPPED_XET))


@dataclass
class Stage:
    """A node that mirrors from an origin which has two revisions of one repository; it has seen the first."""

    node: Node
    origin: HubOrigin
    hub: HubUpstream
    first: Mirrored

    def newest(self) -> tuple[Mirrored | None, HanseError | None]:
        """Mirror what `main` is now; return what came of it."""
        try:
            return mirror(self.node, self.hub, MODEL, REPO), None
        except HanseError as error:
            return None, error

    def check(self) -> None:
        """Assert that every content here, and every file of every revision, is one that the origin honestly has."""
        repo = self.origin.repo(REPO)
        true = {file.content.sha256 for made in repo.revisions.values() for file in made.files.values()}
        with self.node.db.read() as conn:
            assert {row.sha256 for row in conn.execute(select(files.c.sha256))} <= true
            live = revisions.all_of(conn, self.first.repo.id, ["live"])
        for one in live:
            entries = self.node.listings.get(self.node.store, one.object).directory.entries()
            assert {e.path: e.sha256 for e in entries} == {
                path: file.content.sha256 for path, file in repo.revisions[one.rev].files.items()
            }

    def lies(self) -> list[str]:
        """Return what the alarms say."""
        with self.node.db.read() as conn:
            return [one.says for one in alarms.every(conn)]


@pytest.fixture(name="stage")
def _stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(Patience, "_pause", lambda _self, _seconds: None)
    with ExitStack() as stack:
        database = stack.enter_context(closing(Database(sqlite_url(tmp_path / "hanse.db"))))
        database.migrate()
        node = stack.enter_context(running(make_node(database, tmp_path / "data")))
        origin = stack.enter_context(HubOrigin({REPO: contents(1)}, xet=True, chunk_lists=True))
        client = stack.enter_context(closing(BulkClient(seconds=5, stall_seconds=STALL, named=(origin.url,))))
        hub = HubUpstream(Hub(origin.url, client=client))
        yield Stage(node, origin, hub, mirror(node, hub, MODEL, REPO))


def _met(stage: Stage, fault: Fault) -> None:
    """Mirror a new revision while the origin has a fault, then while it is honest."""
    rev = stage.origin.commit(REPO, contents(2))
    if fault in (Fault.FULL_FOR_RANGE, Fault.SHIFTED_RANGE, Fault.OTHER_RANGE):
        stage.origin.faults.set(Fault.TRUNCATED, path=WEIGHTS, times=1)  # then the rest is asked for
    stage.origin.faults.set(fault)
    done, error = stage.newest()
    stage.check()
    assert done is None or done.revision.rev == rev
    if error is not None:
        assert f"127.0.0.1:{stage.origin.port}" in error.message or stage.hub.origin in error.message, error.message
    for says in stage.lies():
        assert fault in LIES, says
        assert str(stage.origin.port) in says
    stage.origin.faults.clear()
    done, error = stage.newest()
    assert done is not None, error
    assert done.revision.rev == rev
    stage.check()


@pytest.mark.parametrize("fault", SOME, ids=lambda one: one.value)
def test_nothing_false_is_taken_in(stage: Stage, fault: Fault) -> None:
    """Whatever the origin does, only true bytes are here, and once it is honest the revision is mirrored."""
    _met(stage, fault)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", REST, ids=lambda one: one.value)
def test_nothing_false_is_taken_in_by_any_fault(stage: Stage, fault: Fault) -> None:
    """The same of every other fault that there is."""
    _met(stage, fault)


@pytest.mark.parametrize("fault", CLAIMS, ids=lambda one: one.value)
def test_second_claims_are_refused(stage: Stage, fault: Fault) -> None:
    """Other digests for a commit that was seen are an alarm that shows both; nothing of them is taken in."""
    rev = stage.origin.commit(REPO, contents(2))
    stage.origin.faults.set(Fault.SHORT, path=WEIGHTS)
    assert stage.newest()[0] is None
    stage.origin.faults.clear()
    stage.origin.faults.set(fault)
    assert stage.newest()[0] is None
    assert [one for one in stage.lies() if rev in one and "said first" in one]
    stage.check()
    stage.origin.faults.clear()
    done, error = stage.newest()
    assert done is not None, error


def test_of_two_xet_hashes_neither_is_pinned(stage: Stage) -> None:
    """Another Xet hash beside the same SHA-256 is told, and what the SHA-256 binds is taken in."""
    rev = stage.origin.commit(REPO, contents(2))
    stage.origin.faults.set(Fault.SHORT, path=WEIGHTS)
    assert stage.newest()[0] is None
    stage.origin.faults.clear()
    stage.origin.faults.set(Fault.SWAPPED_XET)
    done, error = stage.newest()
    assert done is not None, error
    assert [one for one in stage.lies() if rev in one and "said first" in one and "xet hash" in one]
    stage.check()


@pytest.mark.parametrize("fault", STATES, ids=lambda one: one.value)
def test_an_older_state_is_told(stage: Stage, fault: Fault) -> None:
    """An origin that goes back is observed to, with a notice of what it hides; what was seen stays readable."""
    rev = stage.origin.commit(REPO, contents(2))
    done, error = stage.newest()
    assert done is not None, error
    stage.origin.faults.set(fault)
    later, _ = stage.newest()
    assert later is not None
    assert later.rewritten == rev
    with stage.node.db.read() as conn:
        said = notices.of_repo(conn, later.repo.id, later.revision.rev)
    assert any(rev[:12] in one.says for one in said)
    assert access.resolve_revision(stage.node, later.repo, rev).rev == rev
    stage.check()


def test_no_trace_of_what_was_never_true(stage: Stage) -> None:
    """A repository whose every answer is false gets a name here, if at all, that nobody finds."""
    stage.origin.commit("org/evil", contents(3))
    stage.origin.faults.set(Fault.WRONG_BYTES)
    with pytest.raises(HanseError):
        mirror(stage.node, stage.hub, MODEL, "org/evil")
    found = find_mirror(stage.node, RepoId(Origin(stage.hub.origin), MODEL, "org", "evil"))
    assert found is not None
    assert found.state == "pending"
    with stage.node.db.read() as conn:
        assert revisions.ref(conn, found.id, RefName("refs/heads/main")) is None
