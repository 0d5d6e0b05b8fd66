"""Signed notes and vkeys (C2SP signed-note)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.signers import signer

from hanse.errors import BadFormat, BadSignature, TooLarge
from hanse.model.publickey import Scheme
from hanse.tlog.lines import base64_text
from hanse.tlog.note import (
    COSIGNATURE,
    ED25519,
    MAX_NOTE_BYTES,
    ML_DSA_COSIGNATURE,
    NoteKey,
    SignatureLine,
    encode_note,
    parse_note,
    parse_signature_line,
    parse_signature_lines,
    parse_vkey,
    sign_note,
    verify_note,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "signed_notes.json").read_text())
A, B = (NoteKey(f"{name}.example", signer(name).public, ED25519) for name in "ab")
TEXT = "one\n\ntwo\n"
NOTE = sign_note(TEXT, A.name, signer("a"))
LINE = parse_note(NOTE).signatures[0]


def line_of(name: str, key: NoteKey = A, *, text: str = TEXT, key_id: bytes = b"") -> str:
    """Return a signature line over `text` by the signer of `name`, under the name and id of `key`."""
    return SignatureLine(key.name, key_id or key.key_id, signer(name).sign(text.encode())).text


def test_the_published_note_verifies() -> None:
    """The key and the note of the specification belong together, and both come back byte for byte."""
    key = parse_vkey(VECTORS["vkey"])
    note = parse_note(VECTORS["note"].encode())
    assert verify_note(note, [key]).by == (key,)
    assert (key.name, key.key_id.hex(), key.kind, key.text) == ("example.com/foo", "530d903a", ED25519, VECTORS["vkey"])
    assert note.data == VECTORS["note"].encode()


def test_every_published_altered_note_is_refused() -> None:
    """No byte of the specification's note can be changed in its text or signature."""
    key, data = parse_vkey(VECTORS["vkey"]), VECTORS["note"].encode()
    for at in range(len(data)):
        with pytest.raises((BadFormat, BadSignature)):
            verify_note(parse_note(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]), [key])


def test_the_text_may_have_empty_lines() -> None:
    """The last empty line separates text and signatures, as in the example of the specification."""
    note = parse_note(VECTORS["poem"].encode())
    assert note.text.endswith("sole:\n\ned \u00e8 subito sera.\n")
    assert [line.name for line in note.signatures] == ["quasimodo.example/salvatore"]


def test_signed_notes_verify_and_name_who_signed() -> None:
    """Keys that signed are told in the order of the note, each once; keys that did not are not."""
    both = encode_note(TEXT, [line_of("b", B), line_of("a"), line_of("b", B)])
    assert verify_note(parse_note(both), [A, B]).by == (B, A)
    assert verify_note(parse_note(NOTE), [A, B]).by == (A,)
    assert verify_note(parse_note(NOTE), [A]).text == TEXT


def test_unknown_signatures_are_carried_along() -> None:
    """A line of an unknown key says nothing, whatever it holds, and stays in the note."""
    lines = [line_of("x", B), line_of("a"), line_of("x", key_id=b"1234"), SignatureLine("c", b"1234", b"?").text]
    note = parse_note(encode_note(TEXT, lines))
    assert verify_note(note, [A]).by == (A,)
    assert note.data == encode_note(TEXT, lines)


def test_same_name_or_same_id_alone_is_another_key() -> None:
    """Only name and id together name a known key."""
    for line in (line_of("a", key_id=b"1234"), SignatureLine("other", A.key_id, LINE.signature).text):
        with pytest.raises(BadSignature):
            verify_note(parse_note(encode_note(TEXT, [line])), [A])


def test_a_failing_known_key_spoils_the_note() -> None:
    """A good signature beside a bad one of another known key, or of the same, saves nothing."""
    for bad in (line_of("x"), line_of("a", text="other\n"), SignatureLine(A.name, A.key_id, b"short").text):
        for lines in ([bad, line_of("b", B)], [line_of("b", B), bad], [line_of("a"), bad]):
            with pytest.raises(BadSignature, match=r"a\.example"):
                verify_note(parse_note(encode_note(TEXT, lines)), [A, B])


def test_a_note_that_nobody_known_signed_is_refused() -> None:
    """No known key, or none at all, is no verification."""
    for keys in ([B], []):
        with pytest.raises(BadSignature):
            verify_note(parse_note(NOTE), keys)


def test_one_key_of_another_text_does_not_carry_over() -> None:
    """A signature moved below another text does not verify."""
    with pytest.raises(BadSignature):
        verify_note(parse_note(encode_note("three\n", [LINE.text])), [A])


def test_cosigner_keys_and_ambiguous_keys_verify_no_notes() -> None:
    """Keys of kind 0x04 sign something else; two keys under one name and id are a mistake of whoever trusts them."""
    with pytest.raises(BadFormat):
        verify_note(parse_note(NOTE), [A, NoteKey("a.example", signer("a").public, COSIGNATURE)])
    twin = NoteKey(A.name, signer("twin").public, ED25519)
    object.__setattr__(twin, "key_id", A.key_id)
    with pytest.raises(BadFormat):
        verify_note(parse_note(NOTE), [A, twin])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        TEXT.encode() + LINE.text.encode() + b"\n",
        NOTE[:-1],
        NOTE + b"\n",
        NOTE + b"x\n",
        NOTE.replace(b"one", b"o\tne"),
        NOTE.replace(b"one\n", b"one\r\n"),
        NOTE.replace(b"one", b"o\x00ne"),
        NOTE.replace(b"one", b"o\xffne"),
        NOTE.replace("\u2014".encode(), b"-"),
        NOTE.replace("\u2014 ".encode(), "\u2014".encode()),
        NOTE.replace(b"a.example", b""),
        NOTE.replace(b"a.example", b"a+b"),
        NOTE.replace(b"a.example", "a\u00a0b".encode()),
        NOTE.replace(b"a.example", "a\u2028b".encode()),
        NOTE.replace(b"a.example ", b"a.example  "),
        NOTE.replace(b"a.example", b"a.example b"),
        NOTE[:-4] + b"\n",
        TEXT.encode() + b"\n" + SignatureLine("a", b"1234", b"").text.encode() + b"\n",
        TEXT.encode() + "\n\u2014 a \n".encode(),
    ],
)
def test_malformed_notes_are_refused(data: bytes) -> None:
    """Each rule of the form has a note that breaks it alone."""
    with pytest.raises(BadFormat):
        parse_note(data)


def test_every_beginning_of_a_note_is_refused() -> None:
    """A note that was cut anywhere is none."""
    for cut in range(len(NOTE)):
        with pytest.raises(BadFormat):
            parse_note(NOTE[:cut])


def test_notes_are_bounded() -> None:
    """A hundred signatures and a million bytes are read, one more is not."""
    lines = [SignatureLine(f"k{at}", b"1234", bytes(2428)).text for at in range(101)]
    assert len(parse_note(encode_note(TEXT, lines[:100])).signatures) == 100
    with pytest.raises(TooLarge):
        parse_note(encode_note(TEXT, lines))
    with pytest.raises(TooLarge):
        parse_signature_lines("".join(f"{line}\n" for line in lines).encode())
    room = MAX_NOTE_BYTES - len(NOTE)
    assert parse_note(b"x" * room + NOTE).text.startswith("xxx")
    for data in (b"x" * (room + 1) + NOTE, b"\n" * (MAX_NOTE_BYTES + 1)):
        with pytest.raises(TooLarge):
            parse_note(data)
    with pytest.raises(TooLarge):
        parse_signature_line(LINE.text + "A" * MAX_NOTE_BYTES)


def test_signature_lines_stand_alone() -> None:
    """What a witness answers is signature lines, one or more, each with its newline."""
    data = f"{LINE.text}\n{line_of('b', B)}\n".encode()
    assert [line.name for line in parse_signature_lines(data)] == [A.name, B.name]
    assert parse_signature_line(LINE.text) == LINE
    for bad in (b"", b"\n", data[:-1], data + b"\n", b"\n" + data, b"\xff\n"):
        with pytest.raises(BadFormat):
            parse_signature_lines(bad)


@pytest.mark.parametrize(
    ("kind", "scheme"), [(ED25519, Scheme.ED25519), (COSIGNATURE, Scheme.ED25519), (ML_DSA_COSIGNATURE, Scheme.ML_DSA_44)]
)
def test_vkeys_round_trip(kind: int, scheme: Scheme) -> None:
    """A key of each kind is written and read; the kind is part of the id."""
    key = NoteKey("a.example/b", signer("a", scheme).public, kind)
    assert parse_vkey(key.text) == key
    assert parse_vkey(key.text).key_id == key.key_id
    assert parse_vkey(key.text) is parse_vkey(key.text)
    assert key.key_id != NoteKey("a.example/c", key.public, kind).key_id


def test_one_key_has_another_id_in_each_kind() -> None:
    """A signature of one kind is never tried as one of the other."""
    assert NoteKey("a", A.public, ED25519).key_id != NoteKey("a", A.public, COSIGNATURE).key_id


def vkey(material: bytes, key_id: str = A.key_id.hex(), name: str = A.name) -> str:
    """Return a vkey from its parts."""
    return f"{name}+{key_id}+{base64_text(material)}"


_RAW = A.public.raw


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "++",
        A.name,
        A.text[:-1],
        A.text + "\n",
        " " + A.text,
        A.text + "A" * 10**6,
        vkey(b"\x01" + _RAW, key_id="00000000"),
        vkey(b"\x01" + _RAW, key_id=A.key_id.hex().upper()),
        vkey(b"\x01" + _RAW, key_id="0" + A.key_id.hex()),
        vkey(b"\x01" + _RAW, name="b.example"),
        vkey(b"\x01" + _RAW, name=""),
        vkey(b"\x01" + _RAW, name="a b"),
        vkey(b"\x04" + _RAW),
        vkey(b"\x02" + _RAW),
        vkey(b"\x06" + _RAW),
        vkey(b"\xff" + _RAW),
        vkey(b"\x01" + _RAW[:-1]),
        vkey(b"\x01" + _RAW + b"\0"),
        vkey(b""),
        vkey(b"\x01"),
    ],
)
def test_malformed_vkeys_are_refused(text: str) -> None:
    """Another id than name, kind and key give, an unknown kind, a key of another length or a bad name: no key."""
    with pytest.raises(BadFormat):
        parse_vkey(text)


def test_key_names_and_kinds_are_bounded() -> None:
    """A name has up to 255 bytes of UTF-8; a kind belongs to one scheme."""
    assert parse_vkey(NoteKey("\u00e9" * 127, A.public, ED25519).text).name == "\u00e9" * 127
    for name in ("", "\u00e9" * 128, "a b", "a\tb", "a+b", "a\nb", "\udc80"):
        with pytest.raises(BadFormat):
            NoteKey(name, A.public, ED25519)
    for kind, scheme in ((ED25519, Scheme.ECDSA_P256), (ED25519, Scheme.ML_DSA_44), (2, Scheme.ED25519), (6, Scheme.ED25519)):
        with pytest.raises(BadFormat):
            NoteKey("a", signer("a", scheme).public, kind)


def test_only_notes_can_be_made() -> None:
    """A text without its newline or with control characters, no signature at all, or a key of another scheme make no note."""
    for text in ("text", "", "te\txt\n", "te\rxt\n"):
        with pytest.raises(BadFormat):
            sign_note(text, "a", signer("a"))
    with pytest.raises(BadFormat):
        encode_note(TEXT, [])
    for scheme in (Scheme.ECDSA_P256, Scheme.ML_DSA_44):
        with pytest.raises(BadFormat):
            sign_note(TEXT, "a", signer("a", scheme))
