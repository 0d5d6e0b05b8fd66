"""The members of a federation: who they are, where they answer, which keys speak for them, what they can hold.

`members.json`, a target of the federation's TUF metadata (`hanse.sign.federation`), so that a threshold of members signed every
word of it. A member is named by the origin of its log. Decisions taken here, where the design leaves room:

- A key is of one member and has one use; a namespace is one member's.
- The names of keys are those that C2SP asks for: a log's is its origin, a witness's and a mirror's the origin and a path.
- A key that counted once stays listed with the log index after which it is distrusted, so that old statements stay verifiable.
- Capacity 0 is a witness: it holds no models. `static` says that the member only publishes files and answers no questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from hanse.errors import BadFormat
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256, parse_sha256
from hanse.model.repo import Origin, parse_name, parse_origin
from hanse.model.strictjson import parse_strict
from hanse.tlog.note import ED25519, NoteKey, parse_vkey

MAX_MEMBERS = 256
MAX_MEMBERS_BYTES = 4 * 1024 * 1024
MAX_KEYS = 16
MAX_ADDRESSES = 8
MAX_NAMESPACES = 10_000
MAX_TITLE = 200
MAX_URL = 2048
MAX_CAPACITY = 2**53 - 1
VERSION = 1
_FIELDS = frozenset(
    {"origin", "title", "addresses", "log", "witness", "mirror", "namespaces", "capacity", "static", "distrusted"}
)


@dataclass(frozen=True, slots=True)
class Member:
    """One institution.

    origin: of its log, which names it; title: for people; addresses: of its node or of the files that it publishes, best first;
    log, witness, mirror: keys, newest last; namespaces: case-folded names that are its own; capacity: bytes that it offers to
    hold for others; static: it publishes files only; distrusted: fingerprint of a key -> last index of its log at which the key
    counts. Raises BadFormat on construction if a field is out of its bounds.
    """

    origin: Origin
    title: str
    addresses: tuple[str, ...]
    log: tuple[NoteKey, ...]
    witness: tuple[NoteKey, ...] = ()
    mirror: tuple[NoteKey, ...] = ()
    namespaces: tuple[str, ...] = ()
    capacity: int = 0
    static: bool = False
    distrusted: Mapping[Sha256, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= len(self.log) <= MAX_KEYS or any(key.name != self.origin or key.kind != ED25519 for key in self.log):
            raise BadFormat(f"{self.origin} needs 1 to {MAX_KEYS} Ed25519 keys of its log, named {self.origin}")
        for keys in (self.witness, self.mirror):
            if len(keys) > MAX_KEYS or any(key.kind == ED25519 or not _below(key.name, self.origin) for key in keys):
                raise BadFormat(
                    f"{self.origin} has at most {MAX_KEYS} cosigning keys of a kind, each named {self.origin}/SOMETHING"
                )
        if not 1 <= len(self.title) <= MAX_TITLE or not self.title.isprintable():
            raise BadFormat(f"{self.origin} needs a title of 1 to {MAX_TITLE} printable characters")
        if not 1 <= len(self.addresses) <= MAX_ADDRESSES or not all(map(_is_address, self.addresses)):
            raise BadFormat(f"{self.origin} needs 1 to {MAX_ADDRESSES} addresses such as https://models.example.org")
        if not 0 <= self.capacity <= MAX_CAPACITY:
            raise BadFormat(f"the capacity of {self.origin} is 0 to 2^53 - 1 bytes, got {self.capacity}")
        if any(index < 0 for index in self.distrusted.values()):
            raise BadFormat(f"{self.origin}: a key is distrusted after an index of the log, from 0")

    @property
    def keys(self) -> tuple[NoteKey, ...]:
        """All keys that speak for the member."""
        return (*self.log, *self.witness, *self.mirror)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "origin": self.origin,
            "title": self.title,
            "addresses": list(self.addresses),
            "log": [key.text for key in self.log],
            "witness": [key.text for key in self.witness],
            "mirror": [key.text for key in self.mirror],
            "namespaces": list(self.namespaces),
            "capacity": self.capacity,
            "static": self.static,
            "distrusted": dict(self.distrusted),
        }


@dataclass(frozen=True, slots=True)
class Members:
    """The members of a federation, by origin, in the order of their origins. name: of the federation, as an origin is spelled.

    Raises BadFormat on construction if two members share a key or a namespace.
    """

    name: Origin
    members: Mapping[Origin, Member]

    def __post_init__(self) -> None:
        if len(self.members) > MAX_MEMBERS:
            raise BadFormat(f"a federation has at most {MAX_MEMBERS} members, got {len(self.members)}")
        everyone = self.members.values()
        _distinct(chain.from_iterable({key.public.fingerprint for key in one.keys} for one in everyone), "the key")
        _distinct(chain.from_iterable(one.namespaces for one in everyone), "the namespace")
        for one in everyone:
            _distinct((key.public.fingerprint for key in one.keys), "the key")

    @classmethod
    def of(cls, name: Origin, members: Iterable[Member]) -> Members:
        """Return the federation of these members; raises BadFormat if one is listed twice."""
        listed = sorted(members, key=lambda one: one.origin)
        _distinct((one.origin for one in listed), "the member")
        return cls(name, {one.origin: one for one in listed})

    def owner(self, namespace: str) -> Member | None:
        """Return the member whose namespace this is (any case), None if it is nobody's."""
        folded = namespace.lower()
        return next((one for one in self.members.values() if folded in one.namespaces), None)

    def encode(self) -> bytes:
        """Return the bytes of `members.json` (RFC 8785)."""
        return canonical({"v": VERSION, "name": self.name, "members": [one.to_json() for one in self.members.values()]})


def parse_members(data: bytes) -> Members:
    """Return the members in a `members.json`; raises BadFormat, TooLarge, BadRepoId or BadDigest for what is none."""
    told = parse_strict(data, "a list of members", MAX_MEMBERS_BYTES)
    if set(told) != {"v", "name", "members"} or told["v"] != VERSION:
        raise BadFormat(f"a list of members has v {VERSION}, name and members", hint="a newer Hanse may be needed")
    return Members.of(parse_origin(_text(told, "name")), [parse_member(one) for one in _list(told, "members", MAX_MEMBERS)])


def parse_member(told: Any) -> Member:
    """Return the member that a JSON value describes; raises BadFormat, BadRepoId or BadDigest."""
    if type(told) is not dict or set(told) != _FIELDS:
        raise BadFormat(f"a member has the fields {', '.join(sorted(_FIELDS))}, and no others")
    if type(told["capacity"]) is not int or type(told["static"]) is not bool or type(told["distrusted"]) is not dict:
        raise BadFormat("a member's capacity is a whole number, static a truth value, distrusted an object")
    if len(told["distrusted"]) > 3 * MAX_KEYS or any(type(index) is not int for index in told["distrusted"].values()):
        raise BadFormat("a member's distrusted keys have the index of a leaf each")
    spaces = [parse_name(one, "namespace") for one in _texts(told, "namespaces", MAX_NAMESPACES)]
    if any(one != one.lower() for one in spaces):
        raise BadFormat("namespaces of members are written in lower case")
    return Member(
        origin=parse_origin(_text(told, "origin")),
        title=_text(told, "title"),
        addresses=tuple(_texts(told, "addresses", MAX_ADDRESSES)),
        log=tuple(parse_vkey(one) for one in _texts(told, "log", MAX_KEYS)),
        witness=tuple(parse_vkey(one) for one in _texts(told, "witness", MAX_KEYS)),
        mirror=tuple(parse_vkey(one) for one in _texts(told, "mirror", MAX_KEYS)),
        namespaces=tuple(spaces),
        capacity=told["capacity"],
        static=told["static"],
        distrusted={parse_sha256(key): index for key, index in told["distrusted"].items()},
    )


def _below(name: str, origin: str) -> bool:
    return name.startswith(f"{origin}/") and len(name) > len(origin) + 1


def _is_address(url: str) -> bool:
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # unbalanced brackets, no such port
        return False
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    return not (parts.query or parts.fragment or "@" in parts.netloc or url.endswith("/"))


def _distinct(texts: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for text in texts:
        if text in seen:
            raise BadFormat(f"{what} {text[:80]} is listed twice: it can be of one member, for one use")
        seen.add(text)


def _list(told: Mapping[str, Any], name: str, most: int) -> list[Any]:
    value = told[name]
    if type(value) is not list or len(value) > most:
        raise BadFormat(f"{name} is a list of at most {most}")
    return value


def _texts(told: Mapping[str, Any], name: str, most: int) -> list[str]:
    found = _list(told, name, most)
    if any(type(one) is not str for one in found):
        raise BadFormat(f"{name} is a list of texts")
    return found


def _text(told: Mapping[str, Any], name: str) -> str:
    if type(told[name]) is not str:
        raise BadFormat(f"{name} is a text")
    return str(told[name])
