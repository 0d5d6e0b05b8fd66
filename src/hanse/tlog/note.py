"""C2SP signed-note v1.0.0: a text with signatures of named keys below it, and the text form of such keys (vkeys).

A note is its text, which ends in a newline; an empty line; one line for each signature:

    — NAME base64(key id (4 bytes) || signature)

NAME and key id together name a key. Signatures of unknown keys are carried along and say nothing; a signature that names a
known key and does not verify spoils the whole note.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from hanse.errors import BadFormat, BadSignature, TooLarge
from hanse.model.publickey import PublicKey, Scheme, Signer
from hanse.tlog.lines import base64_text, parse_base64, utf8

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
"""The specification asks for at least 16."""
MAX_NAME_BYTES = 255
"""Of the name of a key of ours or one we trust: what an ML-DSA cosignature can carry. Unknown names are bounded by the note."""
MAX_VKEY_CHARS = 2_500

ED25519 = 0x01
"""Kind of key: Ed25519 over the text of any note; logs sign checkpoints with it."""
COSIGNATURE = 0x04
"""Kind of key: timestamped Ed25519 cosignatures of checkpoints."""
ML_DSA_COSIGNATURE = 0x06
"""Kind of key: timestamped ML-DSA-44 cosignatures of checkpoints."""
SCHEMES = {ED25519: Scheme.ED25519, COSIGNATURE: Scheme.ED25519, ML_DSA_COSIGNATURE: Scheme.ML_DSA_44}

_DASH = "\u2014 "
_KEY_ID_BYTES = 4


def is_key_name(name: str) -> bool:
    """Tell whether `name` may name a key: not empty, no Unicode space, no control character, no plus."""
    return bool(name) and not any(char == "+" or char < " " or char.isspace() for char in name)


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A named public key and the kind of signatures it makes: 0x01, 0x04 or 0x06.

    key_id: the 4 bytes that name it in signatures. Raises BadFormat on construction for a name that is none or too long, an
    unknown kind, or a key of another scheme than the kind's.
    """

    name: str
    public: PublicKey
    kind: int
    key_id: bytes = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if not is_key_name(self.name) or len(utf8(self.name)) > MAX_NAME_BYTES:
            raise BadFormat(f"a key name has 1 to {MAX_NAME_BYTES} bytes without spaces and plus, got {self.name[:60]!r}")
        if SCHEMES.get(self.kind) is not self.public.scheme:
            raise BadFormat(f"a note key of kind {self.kind:#04x} cannot be a key of {self.public.scheme.value}")
        digest = sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public.raw).digest()
        object.__setattr__(self, "key_id", digest[:_KEY_ID_BYTES])

    @property
    def text(self) -> str:
        """The vkey: name, key id in hex and base64 of kind and raw key, joined by plus signs."""
        return f"{self.name}+{self.key_id.hex()}+{base64_text(bytes([self.kind]) + self.public.raw)}"


@lru_cache(maxsize=256)  # each evidence file asks for those of all known cosigners
def parse_vkey(text: str) -> NoteKey:
    """Return the key that a vkey writes.

    Raises BadFormat if it is malformed, of an unsupported kind, or its key id is not the one of name, kind and key.
    """
    name, _, rest = text[:MAX_VKEY_CHARS].partition("+")
    key_id, _, encoded = rest.partition("+")
    material = parse_base64(encoded, "the key of a vkey")
    if not material or material[0] not in SCHEMES:
        raise BadFormat("a vkey must be of kind 0x01, 0x04 or 0x06", hint="ask for the Ed25519 key of the log or cosigner")
    key = NoteKey(name, PublicKey.from_raw(SCHEMES[material[0]], material[1:]), material[0])
    if key.text != text:
        raise BadFormat(f"the key id of a vkey of {name[:60]!r} must be {key.key_id.hex()}, got {key_id[:8]!r}")
    return key


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature as a note carries it, not checked: name and 4-byte id of the key, and what follows them."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def text(self) -> str:
        """The line without its newline."""
        return f"{_DASH}{self.name} {base64_text(self.key_id + self.signature)}"


def parse_signature_line(line: str) -> SignatureLine:
    """Return the signature that a line (without its newline) writes; raises BadFormat, TooLarge."""
    if len(line) > MAX_NOTE_BYTES:
        raise TooLarge(f"a signature line has at most {MAX_NOTE_BYTES} characters, got {len(line)}")
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not is_key_name(name):
        raise BadFormat(f"a signature line is an em dash, a key name and base64, got {line[:60]!r}")
    utf8(name)
    data = parse_base64(encoded, "a signature line")
    if len(data) <= _KEY_ID_BYTES:
        raise BadFormat(f"a signature line holds 4 bytes of key id and a signature, got {len(data)} bytes")
    return SignatureLine(name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def parse_signature_lines(data: bytes) -> tuple[SignatureLine, ...]:
    """Return one or more signatures, each on a line of its own, as a witness answers.

    Raises BadFormat, TooLarge beyond 100 signatures or 1,000,000 bytes.
    """
    return _signature_lines(_text(data))


@dataclass(frozen=True, slots=True)
class UnverifiedNote:
    """A note of which nothing is checked but the form. text: up to and with its last newline."""

    text: str
    signatures: tuple[SignatureLine, ...]

    @property
    def data(self) -> bytes:
        """The bytes of the note, as they were parsed."""
        return (self.text + "\n" + "".join(f"{line.text}\n" for line in self.signatures)).encode()


@dataclass(frozen=True, slots=True)
class VerifiedNote:
    """A text and the keys whose signatures over it were verified, at least one, in the order of the note."""

    text: str
    by: tuple[NoteKey, ...]


def parse_note(data: bytes) -> UnverifiedNote:
    """Return the note in `data`.

    Raises BadFormat if it is malformed, TooLarge beyond 1,000,000 bytes or 100 signatures.
    """
    whole = _text(data)
    # The text may have empty lines: the last one separates.
    text, found, signatures = whole.rpartition("\n\n")
    if not found:
        raise BadFormat("a note is a text, an empty line and at least one signature")
    return UnverifiedNote(text + "\n", _signature_lines(signatures))


def verify_note(note: UnverifiedNote, keys: Iterable[NoteKey]) -> VerifiedNote:
    """Check the signatures of every key in `keys` that signed, all of kind 0x01.

    Raises BadSignature if one of them does not verify or none of `keys` signed; BadFormat if two of `keys` have the same name
    and id, or one is of another kind (a cosigner's: `hanse.tlog.cosignature`).
    """
    known, data = known_keys(keys), note.text.encode()
    if any(key.kind != ED25519 for key in known.values()):
        raise BadFormat("cosigner keys sign no plain notes")
    by = dict[NoteKey, None]()
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key:
            check_signature(key, line.signature, data)
            by[key] = None
    if not by:
        names = ", ".join(sorted({key.name for key in known.values()})) or "nobody"
        raise BadSignature(f"the note must be signed by {names}, but none of these keys signed it")
    return VerifiedNote(note.text, tuple(by))


def known_keys(keys: Iterable[NoteKey]) -> dict[tuple[str, bytes], NoteKey]:
    """Return `keys` by name and key id; raises BadFormat if two different ones share both."""
    known = dict[tuple[str, bytes], NoteKey]()
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise BadFormat(f"two keys have the name {key.name!r} and the id {key.key_id.hex()}")
    return known


def check_signature(key: NoteKey, signature: bytes, data: bytes) -> None:
    """Check a bare signature of a note key over `data`; raises BadSignature, naming the key."""
    try:
        key.public.verify(signature, data)
    except BadSignature as error:
        raise BadSignature(f"the signature of {key.name} (key id {key.key_id.hex()}) does not verify") from error


def sign_note(text: str, name: str, signer: Signer) -> bytes:
    """Return the note with `text` and one Ed25519 signature of `signer` under `name`.

    Raises BadFormat for a text that is none of a note or another kind of key; an effect, as `signer` is one.
    """
    key = NoteKey(name, signer.public, ED25519)
    _text(text.encode())
    return encode_note(text, [SignatureLine(name, key.key_id, signer.sign(text.encode())).text])


def encode_note(text: str, lines: Iterable[str]) -> bytes:
    """Return the note of `text` and one or more signature lines, each without its newline, with every line once.

    Raises BadFormat if the text does not end in a newline or there is no line.
    """
    unique = dict.fromkeys(lines)
    if not text.endswith("\n") or not unique:
        raise BadFormat("a note is a text that ends in a newline and at least one signature")
    return (text + "\n" + "".join(f"{line}\n" for line in unique)).encode()


def _signature_lines(text: str) -> tuple[SignatureLine, ...]:
    count = text.count("\n")
    if not text.endswith("\n"):
        raise BadFormat("signature lines end in a newline")
    if count > MAX_SIGNATURES:
        raise TooLarge(f"a note has at most {MAX_SIGNATURES} signatures, got {count}")
    return tuple(map(parse_signature_line, text[:-1].split("\n")))


def _text(data: bytes) -> str:
    if len(data) > MAX_NOTE_BYTES:
        raise TooLarge(f"a note has at most {MAX_NOTE_BYTES} bytes, got {len(data)}")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadFormat("a note is valid UTF-8") from error
    if any(char < " " and char != "\n" for char in set(text)):
        raise BadFormat("a note has no control characters but newlines")
    return text
