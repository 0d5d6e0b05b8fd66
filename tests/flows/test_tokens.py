"""Xet tokens and signed addresses."""

from __future__ import annotations

from dataclasses import replace
from typing import cast
from urllib.parse import parse_qsl

import pytest
from tests.support.nodes import TickingClock

from hanse.db.state import set_state
from hanse.errors import BadToken, NotAllowed
from hanse.flows.epochs import Epochs
from hanse.flows.node import Node
from hanse.flows.tokens import MAX_RANGES, XetToken, check_signed, issue_token, read_token, sign
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import Origin

ACTOR = Actor(account_id=7, name="a", admin=True, role="write")


def _query(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True))


def _later(node: Node) -> Node:
    """Return the node in another CAS epoch, which another process began."""
    with node.db.write() as conn:
        set_state(conn, "cas_epoch", "e2")
    return replace(node, epochs=Epochs(node.db, "e2"))


def test_a_token_says_what_was_put_in(lite: Node) -> None:
    """Repository, account, scope, operator's rights and expiry come back; an anonymous reader has no account."""
    text, expires = issue_token(lite, ACTOR, 5, "write")
    assert read_token(lite, text) == XetToken(5, 7, "write", admin=True, expires=expires, epoch=lite.epoch)
    assert expires == lite.clock.now() + lite.limits.token_ttl_seconds
    assert read_token(lite, issue_token(lite, ANONYMOUS, 5, "read")[0]).account_id is None


def test_every_altered_character_is_noticed(lite: Node) -> None:
    """No character of a token can be changed, cut off or added without making it invalid."""
    text, _ = issue_token(lite, ACTOR, 5, "read")
    for at in range(len(text) - 1):  # the last one carries unused bits
        other = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        with pytest.raises(BadToken):
            read_token(lite, other)
    for other in (text[:-4], text + "AAAA", "", "x" * 500, "é" * 40):
        with pytest.raises(BadToken):
            read_token(lite, other)


def test_tokens_end(lite: Node) -> None:
    """A token is valid until the second it expires."""
    text, expires = issue_token(lite, ACTOR, 5, "read")
    clock = cast("TickingClock", lite.clock)
    clock.time = expires - 1
    read_token(lite, text)
    clock.time = expires
    with pytest.raises(BadToken, match="expired"):
        read_token(lite, text)


def test_tokens_and_addresses_of_others_are_worth_nothing(lite: Node) -> None:
    """Another secret, another CAS epoch or another origin makes other signatures."""
    text, query = issue_token(lite, ACTOR, 5, "read")[0], _query(sign(lite, "xorb", "x", [(0, 9)]))
    for other in (replace(lite, secret=b"1" * 32), replace(lite, origin=Origin("other.example.org")), _later(lite)):
        with pytest.raises(BadToken):
            read_token(other, text)
        with pytest.raises(NotAllowed):
            check_signed(other, "xorb", "x", query)


def test_an_address_of_a_new_epoch_is_known_everywhere(lite: Node) -> None:
    """A process that has not heard of a new epoch takes what another one signs in it; LFS addresses know no epochs."""
    old = _query(sign(lite, "lfs-part", "x", []))
    later = _later(lite)
    check_signed(lite, "xorb", "x", _query(sign(later, "xorb", "x", [(0, 9)])))
    assert lite.epoch == "e2"
    check_signed(lite, "lfs-part", "x", old)


def test_an_address_allows_exactly_what_was_signed(lite: Node) -> None:
    """Kind, object, ranges and expiry are all covered by the signature."""
    query = _query(sign(lite, "xorb", "name", [(0, 9), (20, 29)]))
    found = check_signed(lite, "xorb", "name", query)
    assert found.ranges == ((0, 9), (20, 29))
    assert found.expires == lite.clock.now() + lite.limits.url_ttl_seconds
    for kind, name in (("lfs", "name"), ("xorb", "other"), ("xor", "bname")):
        with pytest.raises(NotAllowed):
            check_signed(lite, kind, name, query)
    for change in ({"r": "0-99"}, {"r": ""}, {"e": str(found.expires + 1)}, {"s": "A" * 43}, {"s": ""}, {"s": "\ud800"}):
        with pytest.raises(NotAllowed):
            check_signed(lite, "xorb", "name", query | change)


@pytest.mark.parametrize("query", [{}, {"e": "-1"}, {"e": "9" * 2000}, {"e": "\u0661"}, {"r": "0-1," * 9999, "e": "1", "s": "x"}])
def test_malformed_addresses_are_refused(lite: Node, query: dict[str, str]) -> None:
    """What no node ever signed is refused before it is looked at."""
    with pytest.raises(NotAllowed):
        check_signed(lite, "xorb", "name", query)


def test_addresses_end(lite: Node) -> None:
    """An address is refused from the second it expires; its end may be chosen."""
    now = lite.clock.now()
    query = _query(sign(lite, "xorb", "name", [(0, 2**40)] * MAX_RANGES, expires=now + 5))
    check_signed(lite, "xorb", "name", query)
    cast("TickingClock", lite.clock).time = now + 5
    with pytest.raises(NotAllowed, match="expired"):
        check_signed(lite, "xorb", "name", query)
