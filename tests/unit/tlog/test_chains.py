"""The state of refs: what the map is told, what moves with a name, and what is taken back with a key."""

from __future__ import annotations

from hanse.model.repo import Origin, RepoType
from hanse.tlog.chains import Chain, Chains, Place
from hanse.tlog.map import ref_key, ref_value

REPO, OTHER = ("o", "model", "a/b"), ("o", "model", "a/c")
MAIN, TAG = "refs/heads/main", "refs/tags/v1"


def place(seq: int, key: str = "k", by: int | None = None) -> Place:
    """Return position `seq`, whose leaf is at index 10 * seq."""
    return Place(seq, bytes([seq]) * 20, bytes([seq]) * 32, 10 * seq, key, 10 * seq if by is None else by)


def chain(seq: int, shown: Place | None = None, waiting: tuple[Place, ...] = ()) -> Chain:
    """Return a chain at position `seq`."""
    return Chain(place(seq), bytes(32), 0, shown, waiting)


def name(token: tuple[str, str, str], ref: str = MAIN) -> bytes:
    """Return the key in the map of refs."""
    return ref_key(Origin(token[0]), RepoType(token[1]), token[2], ref)


def value(seq: int) -> bytes:
    """Return the value in the map of refs."""
    return ref_value(seq, bytes([seq]).hex() * 20, bytes([seq]).hex() * 32)


def test_the_map_is_told_what_is_shown() -> None:
    """Only a change of what is shown is one of the map."""
    chains = Chains()
    chains.put(REPO, MAIN, chain(1, place(1)))
    assert chains.changes == {name(REPO): value(1)}
    chains.changes = {}
    chains.put(REPO, MAIN, chain(2, place(1), (place(2),)))
    assert chains.changes == {}
    chains.put(REPO, MAIN, chain(2, place(2)))
    assert chains.changes == {name(REPO): value(2)}
    assert chains.get(REPO, MAIN) == chain(2, place(2))
    assert chains.get(REPO, TAG) is chains.get(OTHER, MAIN) is None


def test_chains_move_with_the_name() -> None:
    """The old name's keys go, the new one's come, with the same values."""
    chains = Chains()
    chains.put(REPO, MAIN, chain(3, place(3)))
    chains.put(REPO, TAG, chain(1, place(1)))
    chains.changes = {}
    chains.move(REPO, OTHER, signed_anew=False, waits=False)
    assert chains.changes == {
        name(REPO): None,
        name(REPO, TAG): None,
        name(OTHER): value(3),
        name(OTHER, TAG): value(1),
    }
    assert not chains.known(REPO)
    assert chains.get(OTHER, MAIN) == chain(3, place(3))


def test_a_move_to_an_owner_waits_for_him() -> None:
    """Nothing is shown under the new name; the newest position may be signed, unless it was taken back."""
    shown, taken, waits = chain(3, place(3)), chain(3, place(1)), chain(3, None, (place(3),))
    for state, waiting in ((shown, (place(3),)), (taken, ()), (waits, (place(3),))):
        chains = Chains()
        chains.put(REPO, MAIN, state)
        chains.move(REPO, OTHER, signed_anew=True, waits=True)
        assert chains.get(OTHER, MAIN) == state._replace(shown=None, waiting=waiting)
        assert chains.changes.get(name(OTHER)) is None


def test_ending_takes_everything_out_of_the_map() -> None:
    """A repository that ended has no chains, and may begin again."""
    chains = Chains()
    chains.put(REPO, MAIN, chain(1, place(1)))
    assert chains.end(REPO) == [(MAIN, chain(1, place(1)))]
    assert chains.changes == {name(REPO): None}
    assert list(chains.items()) == []
    chains.begin(REPO)
    assert chains.known(REPO)
    assert chains.get(REPO, MAIN) is None


def test_what_a_distrusted_key_signed_later_is_taken_back() -> None:
    """By index of the leaf with the signature; what it signed before, and what others signed, stays."""
    chains = Chains()
    chains.put(REPO, MAIN, chain(3, place(3)))
    chains.put(REPO, TAG, chain(2, place(2)))
    chains.put(OTHER, MAIN, chain(5, place(5, "other")))
    chains.changes = {}
    chains.drop("k", 20)
    assert chains.changes == {name(REPO): None}
    taken, kept = chains.get(REPO, MAIN), chains.get(REPO, TAG)
    assert taken is not None
    assert kept is not None
    assert (taken.shown, taken.waiting, kept.shown) == (None, (), place(2))
    chains.drop("nobody", 0)
    chains.drop("k", 0, "b")
    assert chains.get(REPO, TAG) == kept
    chains.drop("k", 0, "a")
    assert chains.changes == {name(REPO): None, name(REPO, TAG): None}


def test_what_an_owner_signed_and_was_taken_back_may_be_signed_again() -> None:
    """The node's leaf still counts, so the owner's next key may sign the newest position."""
    chains = Chains()
    shown = place(3, "owner", 35)
    chains.put(REPO, MAIN, chain(3, shown))
    chains.drop("owner", 34)
    found = chains.get(REPO, MAIN)
    assert found is not None
    assert (found.shown, found.waiting) == (None, (place(3),))


def test_positions_that_wait_are_taken_back_with_the_node_key() -> None:
    """A stolen node key leaves nothing for the owner to sign by mistake."""
    chains = Chains()
    chains.put(REPO, MAIN, chain(3, place(1, "owner", 12), (place(2), place(3))))
    chains.drop("k", 20)
    found = chains.get(REPO, MAIN)
    assert found is not None
    assert (found.shown, found.waiting) == (place(1, "owner", 12), (place(2),))


def test_a_fork_is_on_its_own() -> None:
    """What is changed in a fork does not show in the original, nor the other way round."""
    chains = Chains()
    chains.put(REPO, MAIN, chain(1, place(1)))
    fork = chains.fork()
    fork.put(REPO, MAIN, chain(2, place(2)))
    chains.put(REPO, TAG, chain(1, place(1)))
    assert chains.get(REPO, MAIN) == chain(1, place(1))
    assert fork.get(REPO, TAG) is None
    assert fork.changes == {name(REPO): value(2)}


def test_chains_made_at_once_are_the_same() -> None:
    """Made from what they hold, they show the same, know the same empty repositories, and lose the same with a key."""
    chains = Chains()
    chains.put(REPO, MAIN, chain(1, place(1)))
    chains.put(REPO, TAG, chain(2, None, (place(2, "w"),)))
    chains.begin(OTHER)
    made = Chains.of([(REPO, [(MAIN, chain(1, place(1)))]), (OTHER, []), (REPO, [(TAG, chain(2, None, (place(2, "w"),)))])])
    assert list(made.changes) == [name(REPO)]
    for key in ("k", "w"):
        assert sorted(made.items()) == sorted(chains.items())
        assert {token for token, _ in made.repos()} == {REPO, OTHER}
        for each in (made, chains):
            each.drop(key, 0)
    assert sorted(made.items()) == sorted(chains.items())
    assert made.changes == chains.changes == {name(REPO): None}
