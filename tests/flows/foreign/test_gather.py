"""Statements that are missing are fetched from whose log lists them, and from nobody twice."""

from __future__ import annotations

import pytest
from sqlalchemy import delete
from tests.flows.foreign.conftest import WORD, A, Agreed, B, C
from tests.flows.foreign.test_keep import words
from tests.support.attesting import wait

from hanse.db import schema_foreign, schema_trust
from hanse.errors import PeerDown
from hanse.flows import access, bundles
from hanse.flows.attest import enter
from hanse.flows.evidence import of_revision
from hanse.flows.foreign.gather import Gathering
from hanse.flows.witness import find_log
from hanse.model.evidence import parse_evidence
from hanse.sign.statement import Statement, revision_subject


def test_what_is_missing_is_fetched(agreed: Agreed) -> None:
    """Only what cannot be made here is asked for, again after a node that did not answer, and once."""
    three, node = agreed.three, agreed.three[B]
    gathering = Gathering(node, three.wire, 60)
    three.wire.asked.clear()
    gathering.one(find_log(node, C))
    assert not three.wire.asked, "what C signed is made of what is here"
    three.wire.down.add(A)
    with pytest.raises(PeerDown):
        gathering.one(find_log(node, A))
    three.wire.down.clear()
    gathering.one(find_log(node, A))
    gathering.one(find_log(node, A))
    assert len(three.wire.asked) == 2
    assert WORD in words(of_revision(node, agreed.at[B], "main")[1])
    Gathering(node, three.wire, 60).one(find_log(node, A))
    assert len(three.wire.asked) == 2


def test_what_is_said_later_is_fetched_soon(own: Agreed) -> None:
    """That a revision was asked about does not put off what is logged about it afterwards."""
    three, node, publisher = own.three, own.three[B], own.three[A]
    gathering = Gathering(node, three.wire, 60)
    gathering.one(find_log(node, A))
    later = "https://a.example/later-word/v1"
    revision = access.resolve_revision(publisher, own.at[A], "main")
    said = Statement((revision_subject(own.at[A].repo, revision.rev, revision.tree),), later, {"word": "better"})
    enter(publisher, own.at[A], revision, bundles.sign(publisher.store, said, publisher.keys.attest), later)
    wait(publisher)
    three.round()
    gathering.one(find_log(node, A))
    assert later in words(of_revision(node, own.at[B], "main")[1])


def test_what_too_few_cosigned_is_fetched(own: Agreed) -> None:
    """A statement is fetched as soon as the log that lists it is copied, though evidence shows that log shorter for a moment."""
    three, node, publisher = own.three, own.three[B], own.three[A]
    later = "https://a.example/later-word/v1"
    revision = access.resolve_revision(publisher, own.at[A], "main")
    said = Statement((revision_subject(own.at[A].repo, revision.rev, revision.tree),), later, {"word": "better"})
    enter(publisher, own.at[A], revision, bundles.sign(publisher.store, said, publisher.keys.attest), later)
    wait(publisher)
    three.followers[B].follow(find_log(node, A))
    assert later not in words(of_revision(publisher, own.at[A], "main")[1])
    Gathering(node, three.wire, 60).one(find_log(node, A))
    three.round()
    assert later in words(of_revision(node, own.at[B], "main")[1])


@pytest.mark.soak
def test_a_lost_catalogue_is_made_again(own: Agreed) -> None:
    """What the copies hold is looked through again: statements, leaves and the checkpoint at which a log stands."""
    three, node, repo = own.three, own.three[B], own.at[B]
    before = of_revision(node, repo, "main")[1]
    with node.db.write() as conn:
        for table in (schema_trust.sightings, *(schema_foreign.foreign_logs, schema_foreign.foreign_leaves)):
            conn.execute(delete(table))
        conn.execute(delete(schema_foreign.foreign_checkpoints))
    assert len(parse_evidence(of_revision(node, repo, "main")[1]).logs) == 1
    gathering = Gathering(node, three.wire, 60)
    for origin in (A, C):
        gathering.one(find_log(node, origin))
    after = parse_evidence(of_revision(node, repo, "main")[1])
    assert [(one.origin, one.checkpoint) for one in after.logs] == [
        (one.origin, one.checkpoint) for one in parse_evidence(before).logs
    ]
    assert after.maps == parse_evidence(before).maps
