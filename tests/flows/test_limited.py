"""Files that not everybody may have who sees their repository: held ones are given to those only who may."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.nodes import add_user, new_repo
from tests.support.publishing import Publisher
from tests.support.pulling import DEAD, FILES, Machine, content, main_of
from tests.support.served import served

from hanse.errors import PeerDown, PeerError
from hanse.flows.accounts import create_token
from hanse.flows.node import Node
from hanse.flows.repos import set_gated
from hanse.model.repo import Visibility
from hanse.store.held import HeldFile

WEIGHTS = "model.safetensors"


@pytest.fixture(name="publisher")
def _publisher(lite: Node) -> Iterator[Publisher]:
    with served(lite) as url:
        yield Publisher(lite, url)


def _token(node: Node, name: str) -> str:
    add_user(node, name)
    return create_token(node.db, node.clock, name, "reading", role="read")[1]


@pytest.mark.parametrize("signed", [True, False])
def test_a_gated_file_is_given_to_who_may_have_it(home: Machine, publisher: Publisher, *, signed: bool) -> None:
    """Everybody sees a gated repository; what is held of it gets who was let in, also when the node is away, and nobody else."""
    alice = add_user(publisher.node, "alice")
    publisher.repo = set_gated(publisher.node, alice, new_repo(publisher.node, alice, "alice/m"), "manual")
    publisher.publish(FILES, settled=signed)
    owner, other = _token(publisher.node, "alice"), _token(publisher.node, "bob")
    puller = home.puller(publisher.url)
    assert content(puller, main_of(puller, "alice/m", token=owner), WEIGHTS) == FILES[WEIGHTS]
    for token in (other, ""):
        seen = main_of(puller, "alice/m", token=token)
        with pytest.raises(PeerDown, match="no place shows"):
            puller.file(seen, WEIGHTS)
        with pytest.raises(PeerDown, match="no place shows"):
            puller.some(seen, [seen.pin("config.json"), seen.pin(WEIGHTS)], lambda: False)
    home.clock.time += 3600
    away = home.puller(DEAD)
    assert isinstance(away.file(main_of(away, "alice/m", token=owner), WEIGHTS), HeldFile)
    with pytest.raises(PeerError):
        away.file(main_of(away, "alice/m", token=other), WEIGHTS)


def test_a_gate_that_is_opened_is_open(home: Machine, publisher: Publisher) -> None:
    """Once the owners let everybody in, everybody gets what is held."""
    alice = add_user(publisher.node, "alice")
    publisher.repo = set_gated(publisher.node, alice, new_repo(publisher.node, alice, "alice/m"), "manual")
    publisher.publish(FILES)
    puller = home.puller(publisher.url)
    content(puller, main_of(puller, "alice/m", token=_token(publisher.node, "alice")), WEIGHTS)
    set_gated(publisher.node, alice, publisher.repo, "")
    later = home.puller(publisher.url)
    assert isinstance(later.file(main_of(later, "alice/m"), WEIGHTS), HeldFile)


def test_what_a_kept_token_showed_is_for_who_has_it(home: Machine, publisher: Publisher) -> None:
    """In a store that several share, what one saw by the token that `hanse login` keeps is not there for those without it."""
    alice = add_user(publisher.node, "alice")
    publisher.repo = new_repo(publisher.node, alice, "alice/m", Visibility.PRIVATE)
    publisher.publish(FILES)
    token = _token(publisher.node, "alice")
    mine = home.puller(publisher.url, token_for=lambda _: token)
    assert content(mine, main_of(mine, "alice/m"), WEIGHTS) == FILES[WEIGHTS]
    home.clock.time += 3600
    kept = home.puller(DEAD, token_for=lambda _: token)
    assert isinstance(kept.file(main_of(kept, "alice/m"), WEIGHTS), HeldFile)
    with pytest.raises(PeerError):
        main_of(home.puller(DEAD), "alice/m")


def test_what_is_held_confirms_nothing(home: Machine, publisher: Publisher) -> None:
    """A commit id that is used all the time is asked for again like any other: giving what is held is no word of its node."""
    rev = publisher.publish(FILES)
    main_of(home.puller(publisher.url), "alice/m", rev)
    for _ in range(3):
        home.clock.time += 250
        found = main_of(home.puller(DEAD), "alice/m", rev)
    assert found.as_of is not None
