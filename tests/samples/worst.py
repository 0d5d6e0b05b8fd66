"""Files of about 10 MB made to cost a scanner the most: each must end within two seconds and 256 MB, whatever it says."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

from tests.samples.zstd import packed

SIZE = 10_000_000
MESSAGE = b"\x0a\x50" + b"\x0a\x02ab" * 20
PAYLOAD = b"cos\nsystem\n(S'echo hanse-test'\ntR."


def _repeat(unit: bytes, size: int = SIZE) -> bytes:
    return unit * (size // len(unit))


def _zip(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def _nested_zip(depth: int) -> bytes:
    data = bytes(1000)
    for _ in range(depth):
        data = _zip([("a.zip", data), ("b.zip", data)], zipfile.ZIP_DEFLATED)
    return data


def _tar(count: int, data: bytes = b"") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for number in range(count):
            member = tarfile.TarInfo(f"m/{number}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _gguf(count: int) -> bytes:
    pairs = b"".join(struct.pack("<Q", 8) + f"k{number:07d}".encode() + struct.pack("<IB", 0, 1) for number in range(count))
    return b"GGUF" + struct.pack("<IQQ", 3, 0, count) + pairs


def _safetensors(count: int) -> bytes:
    header = {f"t{number}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for number in range(count)}
    raw = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(raw)) + raw


def _memo(rounds: int) -> bytes:
    return b"\x80\x04" + b"".join(b"Nr" + struct.pack("<I", number * 7) for number in range(rounds)) + PAYLOAD


def _protobuf(depth: int) -> bytes:
    data = b"\x08\x01"
    while len(data) < SIZE // 1000 and depth:
        size, prefix = len(data), b""
        while size > 127:
            prefix, size = prefix + bytes([size & 127 | 128]), size >> 7
        data = b"\x3a" + prefix + bytes([size]) + data
        depth -= 1
    return b"\x08\x08" + data * (SIZE // len(data))


WORST: dict[str, tuple[str, Callable[[], bytes]]] = {
    "pickle: millions of opcodes before a payload": ("a.pkl", lambda: b"\x80\x04" + b"N0" * 4_980_000 + PAYLOAD),
    "pickle: a stack of ten million": ("a.pkl", lambda: b"\x80\x04" + b"N" * SIZE + PAYLOAD),
    "pickle: marks": ("a.pkl", lambda: b"\x80\x04" + b"(" * SIZE),
    "pickle: marks taken away": ("a.pkl", lambda: b"\x80\x04" + b"(1" * (SIZE // 2) + PAYLOAD),
    "pickle: memo with holes": ("a.pkl", lambda: _memo(SIZE // 6)),
    "pickle: memoised without end": ("a.pkl", lambda: b"\x80\x04" + b"N\x94" * (SIZE // 2) + PAYLOAD),
    "pickle: tuples in tuples": ("a.pkl", lambda: b"\x80\x04N" + b"\x85" * SIZE + b"."),
    "pickle: wide tuples of each other": ("a.pkl", lambda: b"\x80\x04N" + b"2\x86" * (SIZE // 2) + b"."),
    "pickle: lists in lists": ("a.pkl", lambda: b"\x80\x04" + b"]" * (SIZE // 2) + b"a" * (SIZE // 2 - 1) + b"."),
    "pickle: dicts and tuples": ("a.pkl", lambda: b"\x80\x04" + _repeat(b"})\x86") + b"."),
    "pickle: five million streams": ("a.pkl", lambda: b"N." * (SIZE // 2)),
    "pickle: a million globals": ("a.pkl", lambda: b"\x80\x02" + _repeat(b"cos\nfork\n0") + b"N."),
    "pickle: distinct globals": (
        "a.pkl",
        lambda: b"\x80\x02" + b"".join(b"cm%d\nn\n0" % number for number in range(SIZE // 13)) + b"N.",
    ),
    "pickle: a million calls": ("a.pkl", lambda: b"\x80\x02cos\nfork\n" + _repeat(b"2)R0") + b"."),
    "pickle: calls of calls": ("a.pkl", lambda: b"\x80\x02cos\nfork\n" + _repeat(b")R") + b"."),
    "pickle: builds": ("a.pkl", lambda: b"\x80\x02cx\nY\n)R" + _repeat(b"}b") + b"."),
    "pickle: text integers": ("a.pkl", lambda: _repeat(b"I1\n0") + b"N."),
    "pickle: one long text integer": ("a.pkl", lambda: b"L" + b"9" * SIZE + b"L\n."),
    "pickle: long integers": ("a.pkl", lambda: b"\x80\x02\x8b" + struct.pack("<i", SIZE) + b"\xff" * SIZE + b"."),
    "pickle: random bytes pushed before a payload": (
        "a.pkl",
        lambda: b"\x80\x04B" + struct.pack("<I", SIZE) + random.Random(1).randbytes(SIZE) + b"0" + PAYLOAD,
    ),
    "pickle: random bytes before a pickle": ("a.pkl", lambda: random.Random(1).randbytes(SIZE) + b"\x80\x02" + PAYLOAD),
    "pickle: beginnings of pickles": ("a.pkl", lambda: _repeat(b"\x80\x02c")),
    "pickle: names of modules as text": ("a.pkl", lambda: _repeat(b"cos\n")),
    "pickle: nested byte strings": (
        "a.pkl",
        lambda: b"\x80\x03" + _repeat(b"C\x28\x80\x02cos\nsystem\nX\x04\x00\x00\x00echo\x85R." + b" " * 12 + b"0") + b"N.",
    ),
    "pickle: frames": ("a.pkl", lambda: b"\x80\x04" + _repeat(b"\x95" + struct.pack("<Q", 9)) + b"N."),
    "pickle: strings": ("a.pkl", lambda: b"\x80\x04" + _repeat(b"\x8c\x02ab0") + b"N."),
    "zip: members": ("a.zip", lambda: _zip([(f"{number}", b"") for number in range(95_000)])),
    "zip: bomb": ("a.zip", lambda: _zip([("a", bytes(2_000_000_000))], zipfile.ZIP_DEFLATED)),
    "zip: in zip": ("a.zip", lambda: _nested_zip(14)),
    "zip: end records": ("a.zip", lambda: _repeat(b"PK\x05\x06" + bytes(18))),
    "zip: local headers": ("a.zip", lambda: _repeat(b"PK\x03\x04" + bytes(26)) + _zip([("a", b"b")])),
    "gzip: bomb": ("a.gz", lambda: gzip.compress(bytes(2_000_000_000), 6)),
    "gzip: members": ("a.gz", lambda: _repeat(gzip.compress(b""))),
    "zlib: bomb of opcodes": ("a.joblib", lambda: zlib.compress(b"\x80\x04" + b"N0" * 500_000_000 + b"N.", 6)),
    "bzip2: bomb": ("a.bz2", lambda: bz2.compress(bytes(400_000_000)) * 20),
    "xz: bomb": ("a.xz", lambda: lzma.compress(bytes(400_000_000), preset=0)),
    "zstd: bomb": ("a.zst", lambda: packed(bytes(2_000_000_000), window=26)),
    "zstd: frames": ("a.zst", lambda: _repeat(packed(b""))),
    "zstd: far back": ("a.joblib", lambda: packed(random.Random(1).randbytes(SIZE // 2) * 40, window=26)),
    "zip: small messages": ("a.zip", lambda: _zip([(f"{number}", MESSAGE) for number in range(19_000)])),
    "zip: small pickles": ("a.zip", lambda: _zip([(f"{number}", b"\x80\x04N.") for number in range(19_000)])),
    "tar: members": ("a.tar", lambda: _tar(19_000)),
    "tar: small messages": ("a.tar", lambda: _tar(9_500, MESSAGE)),
    "json: arrays in arrays": ("a.json", lambda: b"[" * (SIZE // 2) + b"]" * (SIZE // 2)),
    "json: empty objects": ("a.json", lambda: b"[" + b"{}," * (SIZE // 3) + b"{}]"),
    "json: distinct keys": (
        "a.json",
        lambda: json.dumps({f"k{number}": number for number in range(500_000)}).encode(),
    ),
    "json: one text": ("tokenizer_config.json", lambda: json.dumps({"chat_template": "{{ a }}" * (SIZE // 8)}).encode()),
    "yaml: nested": ("a.yaml", lambda: b"a: " + b"[" * SIZE),
    "yaml: lines": ("a.yaml", lambda: _repeat(b"- _target_: os.system\n")),
    "yaml: aliases": ("a.yaml", lambda: b"a: &a [x]\n" + _repeat(b"b: [*a, *a, *a]\n")),
    "jinja: parentheses": ("chat_template.jinja", lambda: b"{{" + b"(" * (SIZE // 2) + b")" * (SIZE // 2) + b"}}"),
    "jinja: sums": ("chat_template.jinja", lambda: b"{{ 'a'" + _repeat(b"~'b'") + b"}}"),
    "jinja: blocks": ("chat_template.jinja", lambda: _repeat(b"{% if a %}") + b"x"),
    "python: calls": ("a.py", lambda: _repeat(b"import os\nos.getcwd()\n")),
    "python: parentheses": ("a.py", lambda: b"x = " + b"(" * SIZE),
    "python: one expression": ("a.py", lambda: b"import os\nx = 1" + _repeat(b"+1")),
    "python: attributes": ("a.py", lambda: b"import a\na" + _repeat(b".a")),
    "python: strings": ("a.py", lambda: b"import base64\n" + _repeat(b"x = 'aGFuc2UtdGVzdC1oYW5zZS10ZXN0LWhhbnNlLXRlc3Q='\n")),
    "text: words like secrets": (
        "a.txt",
        lambda: _repeat(b"api_key = 'AKIAABCDEFGHIJKLMNOP' hf_abcdefghijklmnopqrstuvwxyz0123456789 "),
    ),
    "text: key headers": ("a.txt", lambda: _repeat(b"-----BEGIN RSA PRIVATE KEY-----\n")),
    "text: one line": ("a.txt", lambda: b"a" * SIZE),
    "text: letters and digits": ("requirements.txt", lambda: _repeat(b"a==1 --hash=sha256:ab\n")),
    "xml: entities": ("a.pmml", lambda: b"<?xml version='1.0'?><!DOCTYPE a [" + _repeat(b"<!ENTITY a 'b'>") + b"]><a/>"),
    "gguf: keys": ("a.gguf", lambda: _gguf(SIZE // 21)),
    "gguf: an array of texts": (
        "a.gguf",
        lambda: (
            b"GGUF"
            + struct.pack("<IQQQ", 3, 0, 1, 1)
            + b"k"
            + struct.pack("<IIQ", 9, 8, SIZE // 9)
            + _repeat(struct.pack("<Q", 1) + b"a")
        ),
    ),
    "safetensors: tensors": ("a.safetensors", lambda: _safetensors(180_000)),
    "onnx: fields": ("a.onnx", lambda: b"\x08\x08\x3a" + b"\x80\xad\xe2\x04" + _repeat(b"\x0a\x00")),
    "onnx: messages in messages": ("a.onnx", lambda: _protobuf(3000)),
    "savedmodel: fields": ("saved_model.pb", lambda: b"\x08\x01\x12" + b"\x80\xad\xe2\x04" + _repeat(b"\x12\x00")),
    "hdf5: zeros behind the magic": ("a.h5", lambda: b"\x89HDF\r\n\x1a\n" + bytes(SIZE)),
    "npy: a long header": ("a.npy", lambda: b"\x93NUMPY\x02\x00" + struct.pack("<I", SIZE) + b"(" * SIZE),
    "7z: header": ("a.7z", lambda: b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24) + bytes(SIZE)),
    "random bytes": ("a.bin", lambda: random.Random(2).randbytes(SIZE)),
    "zeros": ("a.bin", lambda: bytes(SIZE)),
}
"""Name -> (path, maker): what the file is and how it is made."""
