"""The refs of a log as its leaves tell them: the newest position of every chain, and the one that the map of refs shows.

Where a node's operator holds the key of a namespace both are the same. Where the owner holds it, a position is shown once he
has signed it; those that wait for him are kept, the newest `MAX_WAITING` of a chain.

`Chains` is changed in place and copied for nothing by `fork`, since all it holds is persistent. It notes what changes in the map.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hanse.model.repo import Origin, RepoType
from hanse.tlog.map import ref_key, ref_value
from hanse.tlog.trie import Trie

MAX_WAITING = 256
"""Positions of one chain that may wait for the owner's signature; of more only the newest can still be signed."""
Token = tuple[str, str, str]
"""A repository as leaves name it: origin, type, repo (`namespace/name` in lower case, or an HMAC)."""
_Item = tuple[Token, str]


class Place(NamedTuple):
    """A position. at: index of its ref leaf; key, by: whose signature puts it into the map, and the index of the leaf with it."""

    seq: int
    rev: bytes
    tree: bytes
    at: int
    key: str
    by: int


class Chain(NamedTuple):
    """A ref. tip: hash of its newest leaf; since: index of its first leaf; shown: what the map has, if anything."""

    head: Place
    tip: bytes
    since: int
    shown: Place | None
    waiting: tuple[Place, ...] = ()


class Chains:
    """All refs of a log. Not safe for threads while it is changed."""

    __slots__ = ("_repos", "_signed", "changes")

    def __init__(self) -> None:
        self._repos: Trie[Token, Trie[str, Chain]] = Trie()
        self._signed: Trie[str, Trie[_Item, bool]] = Trie()
        self.changes: dict[bytes, bytes | None] = {}

    def fork(self) -> Chains:
        """Return a copy that can be changed on its own; costs nothing."""
        copy = Chains()
        copy._repos, copy._signed, copy.changes = self._repos, self._signed, dict(self.changes)
        return copy

    @classmethod
    def of(cls, listed: Iterable[tuple[Token, Iterable[tuple[str, Chain]]]]) -> Chains:
        """Return these chains, by repository; one may be listed again with further ones. All that they show has changed."""
        repos: dict[Token, dict[str, Chain]] = {}
        signed: dict[str, dict[_Item, bool]] = {}
        made = cls()
        for token, refs in listed:
            repos.setdefault(token, {}).update(refs)
        for token, known in repos.items():
            for ref, chain in known.items():
                for name in _keys(chain):
                    signed.setdefault(name, {})[token, ref] = True
                if chain.shown is not None:
                    key, shown = ref_key(Origin(token[0]), RepoType(token[1]), token[2], ref), chain.shown
                    made.changes[key] = ref_value(shown.seq, shown.rev.hex(), shown.tree.hex())
        made._repos = Trie.of({token: Trie.of(known) for token, known in repos.items()})
        made._signed = Trie.of({name: Trie.of(items) for name, items in signed.items()})
        return made

    def repos(self) -> Iterator[tuple[Token, Iterator[tuple[str, Chain]]]]:
        """Yield every repository with its chains, in no particular order."""
        for token, refs in self._repos.items():
            yield token, refs.items()

    def known(self, token: Token) -> bool:
        """Tell whether a repository is there."""
        return self._repos.get(token) is not None

    def get(self, token: Token, ref: str) -> Chain | None:
        """Return the chain of a ref, None if it has not begun."""
        refs = self._repos.get(token)
        return None if refs is None else refs.get(ref)

    def items(self) -> Iterator[tuple[Token, str, Chain]]:
        """Yield every chain, in no particular order."""
        for token, refs in self._repos.items():
            for ref, chain in refs.items():
                yield token, ref, chain

    def put(self, token: Token, ref: str, chain: Chain) -> None:
        """Set the newest state of a chain, and with it the repository to be there."""
        refs = self._repos.get(token) or Trie[str, Chain]()
        old = refs.get(ref)
        self._repos = self._repos.put(token, refs.put(ref, chain))
        self._note(token, ref, old, chain)

    def begin(self, token: Token) -> None:
        """Let a repository be there, without chains."""
        self.end(token)
        self._repos = self._repos.put(token, Trie())

    def end(self, token: Token) -> list[tuple[str, Chain]]:
        """End a repository with all its chains and return these."""
        ended = list((self._repos.get(token) or Trie[str, Chain]()).items())
        self._repos = self._repos.remove(token)
        for ref, chain in ended:
            self._note(token, ref, chain, None)
        return ended

    def move(self, token: Token, to: Token, *, signed_anew: bool, waits: bool) -> None:
        """Let chains go on under another name.

        signed_anew: what is shown does not come along; waits: the newest position may be signed under the new name.
        """
        ended = self.end(token)
        self.begin(to)
        for ref, chain in ended:
            waiting = (chain.head,) if waits and _counts(chain) else ()
            self.put(to, ref, chain._replace(shown=None, waiting=waiting) if signed_anew else chain)

    def drop(self, key: str, after: int, namespace: str = "") -> None:
        """Take back what a distrusted key signed after a leaf: it is neither shown nor waits any more.

        namespace: only in this one, everywhere if it is empty.
        """
        for token, ref in list(self._signed.get(key) or ()):
            chain = self.get(token, ref)
            if chain is not None and namespace in ("", token[2].partition("/")[0]):
                self.put(token, ref, _without(chain, key, after))

    def _note(self, token: Token, ref: str, old: Chain | None, new: Chain | None) -> None:
        before, shown = old.shown if old else None, new.shown if new else None
        if before != shown:
            key = ref_key(Origin(token[0]), RepoType(token[1]), token[2], ref)
            self.changes[key] = None if shown is None else ref_value(shown.seq, shown.rev.hex(), shown.tree.hex())
        if old is not None and new is not None and before is old.head and shown is new.head and old.head.key == new.head.key:
            return  # the usual case: the newest position is shown, and nothing waits
        gone, come = _keys(old), _keys(new)
        if gone != come:
            for name in gone - come:
                self._signed = self._signed.put(name, (self._signed.get(name) or Trie()).remove((token, ref)))
            for name in come - gone:
                self._signed = self._signed.put(name, (self._signed.get(name) or Trie()).put((token, ref), True))


def _keys(chain: Chain | None) -> frozenset[str]:
    """Return the keys on which it rests what a chain shows and may show."""
    if chain is None:
        return frozenset()
    names = {place.key for place in chain.waiting}
    if chain.shown is not None:
        names.add(chain.shown.key)
    return frozenset(names - {""})


def _counts(chain: Chain) -> bool:
    """Tell whether the newest position waits or is shown, and was not taken back."""
    return chain.head in chain.waiting or (chain.shown is not None and chain.shown.seq == chain.head.seq)


def _without(chain: Chain, key: str, after: int) -> Chain:
    shown, head = chain.shown, chain.head
    waiting = tuple(one for one in chain.waiting if one.key != key or one.by <= after)
    if shown is not None and shown.key == key and shown.by > after:
        # An owner's key: his next one may sign the newest position again.
        again = not waiting and shown.seq == head.seq and head.key != key
        shown, waiting = None, (head,) if again else waiting
    return chain._replace(shown=shown, waiting=waiting)
