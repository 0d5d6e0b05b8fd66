"""Containers: what unpacking would write, readers of one archive that disagree, broken and nested ones, programs as models."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from dataclasses import replace

import lz4.frame
from tests.samples.base import Family, Sample
from tests.samples.zipcraft import Craft, Part, archive
from tests.samples.zstd import packed, skipped

PAYLOAD = b"\x80\x02cposix\nsystem\nX\x0f\x00\x00\x00echo hanse-test\x85R."
HARMLESS = b"\x80\x02}X\x01\x00\x00\x00aK\x01s."
EMPTY = b"\x80\x02}."
STATE = (
    b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00"
    b"\x00\x00cpuK\x04tQK\x00K\x04\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs."
)
"""A state dict with one tensor of four floats in storage 0."""
SCRIPT = b"class M(Module):\n  def forward(self, x: Tensor) -> Tensor:\n    return torch.relu(x)\n"


def torch_zip(pickle: bytes = STATE, storage: bytes = bytes(16), **members: bytes) -> list[tuple[str, bytes]]:
    """Return the members of a PyTorch archive."""
    more = [(name.replace("__", "/"), data) for name, data in members.items()]
    first = [("m/data.pkl", pickle), ("m/byteorder", b"little"), ("m/data/0", storage)]
    return [*first, *[(f"m/{name}", data) for name, data in more], ("m/version", b"3\n")]


def tar(*members: tuple[str, bytes | tuple[bytes, str]], mode: int = 0o644) -> bytes:
    """Return a tar archive of (name, bytes) and links (name, (type, target))."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as made:
        for name, what in members:
            info = tarfile.TarInfo(name)
            info.mode = mode
            if isinstance(what, tuple):
                info.type, info.linkname = what
                made.addfile(info)
            else:
                info.size = len(what)
                made.addfile(info, io.BytesIO(what))
    return out.getvalue()


def seven(data: bytes, name: str = "data.pkl") -> bytes:
    """Return a 7z archive with one file, copied."""
    label = name.encode("utf-16-le") + b"\0\0"
    crc = struct.pack("<L", zlib.crc32(data))
    streams = (
        b"\x06\x00\x01\x09"
        + bytes([len(data)])
        + b"\x00\x07\x0b\x01\x00\x01\x01\x00\x0c"
        + bytes([len(data)])
        + b"\x0a\x01"
        + crc
        + b"\x00\x00"
    )
    files = b"\x05\x01\x11" + bytes([len(label) + 1]) + b"\x00" + label + b"\x00"
    header = b"\x01\x04" + streams + files + b"\x00"
    start = struct.pack("<QQL", len(data), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<L", zlib.crc32(start)) + start + data + header


def _zip(method: int, *members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, data in members:
            made.writestr(name, data)
    return out.getvalue()


LINK = 0o120777 << 16
PLAIN = _zip(zipfile.ZIP_STORED, *torch_zip())
WRITES = {
    "archive: names that leave the folder": Family(
        "archive: names that leave the folder",
        malicious=(
            Sample("slip.zip", archive(("../../../home/user/.bashrc", b"echo hanse-test"))),
            Sample("system.zip", archive(("/etc/cron.d/hanse-test", b"# nothing"))),
            Sample("drive.zip", archive(("C:\\Windows\\System32\\hanse-test.dll", b"nothing"))),
            Sample("backslash.zip", archive(("..\\..\\hanse-test", b"nothing"))),
            Sample("slip.tar", tar(("../../etc/hanse-test", b"nothing"))),
            Sample("detour.tar.gz", gzip.compress(tar(("a/../../hanse-test", b"nothing")), mtime=0)),
        ),
        benign=(
            Sample("plain.zip", archive(("home/user/notes.txt", b"hello"), ("a..b/c...txt", b"hello"))),
            Sample("plain.tar", tar(("./etc/settings.txt", b"hello"))),
            Sample("detour.zip", archive(("a/../b.txt", b"hello"))),
        ),
    ),
    "archive: links that leave the folder": Family(
        "archive: links that leave the folder",
        malicious=(
            Sample("link.tar", tar(("a", (tarfile.SYMTYPE, "/etc")), ("a/hanse-test", b"x"))),
            Sample("up.tar", tar(("a", (tarfile.SYMTYPE, "../..")), ("a/hanse-test", b"x"))),
            Sample("hard.tar", tar(("a", (tarfile.LNKTYPE, "/etc/passwd")))),
            Sample("secret.tar", tar(("config.json", (tarfile.SYMTYPE, "/home/user/.ssh/id_rsa")))),
        ),
        benign=(
            Sample("inside.tar", tar(("blobs/1", b"hello"), ("snapshots/main/a.txt", (tarfile.SYMTYPE, "../../blobs/1")))),
            Sample("hard.tar", tar(("a.txt", b"hello"), ("b.txt", (tarfile.LNKTYPE, "a.txt")))),
            Sample("link.zip", Craft((Part(b"b.txt", b"hello"), Part(b"a.txt", b"b.txt", attributes=LINK))).build()),
        ),
        malformed=(
            Sample("out.zip", Craft((Part(b"a.txt", b"/home/user/a.txt", attributes=LINK),)).build()),
            Sample("device.tar", tar(("null", (tarfile.CHRTYPE, "")))),
            Sample("setuid.tar", tar(("run", b"hello"), mode=0o4755)),
        ),
    ),
}
HIDES = Family(
    "archive: readers that see different members",
    malicious=(
        Sample("local-name.pt", Craft((Part(b"m/notes.txt", PAYLOAD, local_name=b"m/data.pkl"),)).build()),
        Sample("flag-1.pt", Craft((Part(b"m/data.pkl", PAYLOAD, flags=1),)).build()),
        Sample("flag-20.pt", Craft((Part(b"m/data.pkl", PAYLOAD, flags=0x20),)).build()),
        Sample("flag-40.pt", Craft((Part(b"m/data.pkl", PAYLOAD, local_flags=0x40),)).build()),
        Sample("crc.pt", Craft((Part(b"m/data.pkl", PAYLOAD, crc=1),)).build()),
        Sample("method.pt", Craft((Part(b"m/data.pkl", PAYLOAD, method=8, local_method=0),)).build()),
        Sample("size.pt", Craft((Part(b"m/data.pkl", PAYLOAD, size=2, local_size=len(PAYLOAD)),)).build()),
        Sample("nul.pt", Craft((Part(b"m/data.pkl\0.txt", PAYLOAD),)).build()),
        Sample("twice-first.pt", archive(("m/data.pkl", PAYLOAD), ("m/data.pkl", HARMLESS))),
        Sample("twice-last.pt", archive(("m/data.pkl", HARMLESS), ("m/data.pkl", PAYLOAD))),
        Sample("unlisted.pt", Craft((Part(b"m/data.pkl", HARMLESS), Part(b"m/other.pkl", PAYLOAD, listed=False))).build()),
        Sample("between.zip", archive(("a.txt", b"hello"), gap=PAYLOAD)),
        Sample("behind.zip", archive(("a.txt", b"hello"), suffix=PAYLOAD)),
        Sample("front.pt", archive(("m/data.pkl", PAYLOAD), prefix=bytes(range(1, 201)))),
        Sample("comment.pt", archive(("m/data.pkl", HARMLESS), comment=archive(("m/data.pkl", PAYLOAD)))),
        Sample("two.pt", archive(("m/data.pkl", PAYLOAD)) + archive(("m/data.pkl", HARMLESS))),
    ),
    benign=(
        Sample("plain.pt", PLAIN),
        Sample("deflated.pt", _zip(zipfile.ZIP_DEFLATED, *torch_zip())),
        Sample("bzip2.zip", _zip(zipfile.ZIP_BZIP2, ("a.txt", b"hello" * 50))),
        Sample("lzma.zip", _zip(zipfile.ZIP_LZMA, ("a.txt", b"hello" * 50))),
        Sample("described.pt", Craft(tuple(Part(name.encode(), data, described=True) for name, data in torch_zip())).build()),
        Sample("comment.zip", archive(("a.txt", b"hello"), comment=b"made by hand")),
        Sample("empty.zip", archive()),
        Sample("folders.zip", archive(("a/", b""), ("a/b/", b""), ("a/b/c.txt", b"hello"))),
        Sample("case.npz", archive(("W.txt", b"hello"), ("w.txt", b"hello"))),
        Sample("again.zip", archive(("a.txt", b"hello"), ("a.txt", b"hello"))),
        Sample("shifted.zip", archive(("a.txt", b"hello"), prefix=b"#!/usr/bin/env python3\n", shift=True)),
    ),
    malformed=(
        Sample("cut.pt", PLAIN[:-30]),
        Sample("half.pt", PLAIN[: len(PLAIN) // 2]),
        Sample("count.zip", archive(("a.txt", b"hello"), count=3)),
        Sample("local-size.zip", Craft((Part(b"a.txt", b"hello", local_size=2),)).build()),
        Sample("closed.pt", Craft((Part(b"m/data.pkl", bytes(12) + b"12345", flags=1, size=5),)).build()),
        Sample("garbage.zip", Craft((Part(b"a.txt", b"\xff" * 40, method=8, local_method=8),)).build()[:45] + b"\xff" * 300),
    ),
)
STREAMS = Family(
    "archive: compressed streams",
    malicious=(
        Sample("a.joblib", gzip.compress(PAYLOAD, mtime=0)),
        Sample("b.joblib", zlib.compress(PAYLOAD)),
        Sample("c.joblib", bz2.compress(PAYLOAD)),
        Sample("d.joblib", lzma.compress(PAYLOAD)),
        Sample("e.joblib", lzma.compress(PAYLOAD, format=lzma.FORMAT_ALONE)),
        Sample("f.joblib", lz4.frame.compress(PAYLOAD)),
        Sample("g.joblib", packed(PAYLOAD)),
        Sample("h.pkl", skipped(b"hanse") + packed(PAYLOAD[:9]) + packed(PAYLOAD[9:])),
        Sample("cut.joblib", gzip.compress(PAYLOAD + bytes(range(256)) * 40, mtime=0)[:-20]),
        Sample("joined.joblib", gzip.compress(PAYLOAD[:20], mtime=0) + gzip.compress(PAYLOAD[20:], mtime=0)),
        Sample("behind.gz", gzip.compress(b"hello", mtime=0) + PAYLOAD),
        Sample("twice.pkl", gzip.compress(bz2.compress(PAYLOAD), mtime=0)),
    ),
    benign=(
        Sample("a.joblib", gzip.compress(HARMLESS, mtime=0)),
        Sample("b.joblib", zlib.compress(HARMLESS)),
        Sample("c.joblib", bz2.compress(HARMLESS)),
        Sample("d.joblib", lzma.compress(HARMLESS)),
        Sample("e.joblib", lz4.frame.compress(HARMLESS)),
        Sample("f.joblib", packed(HARMLESS)),
        Sample("seekable.txt.zst", packed(b"hello" * 100) + skipped(bytes(17), 14)),
        Sample("a.txt.gz", gzip.compress(b"hello" * 100, mtime=0)),
        Sample("padded.txt.gz", gzip.compress(b"hello" * 100, mtime=0) + bytes(100)),
        Sample("many.txt.gz", gzip.compress(bytes(100_000), mtime=0) * 3),
    ),
    malformed=(
        Sample("cut.txt.gz", gzip.compress(b"hello" * 100, mtime=0)[:-9]),
        Sample("cut.txt.zst", packed(b"hello" * 100)[:-9]),
        Sample("window.txt.zst", packed(b"hello" * 100, window=31)),
        Sample("bomb.bz2", bz2.compress(bytes(20_000_000))),
    ),
)
ZSTD = Part(b"m/data.pkl", b"", method=93, local_method=93)
"""A member as Python from 3.14 on packs it with Zstandard."""
NESTED = Family(
    "archive: archives in archives, and 7z",
    malicious=(
        Sample("nested.zip", archive(("inner.zip", archive(("m/data.pkl", PAYLOAD))))),
        Sample("nested.tar.gz", gzip.compress(tar(("a/inner.tar", tar(("data.pkl", PAYLOAD)))), mtime=0)),
        Sample("model.nemo", tar(("model_config.yaml", b"a: 1\n"), ("model_weights.ckpt", archive(("m/data.pkl", PAYLOAD))))),
        Sample("behind-end.tar", tar(("a.txt", b"hello")) + tar(("data.pkl", PAYLOAD))),
        Sample("legacy.pt", tar(("storages", EMPTY), ("tensors", EMPTY), ("pickle", PAYLOAD))),
        Sample("model.pt", seven(HARMLESS)),
        Sample("data.7z", seven(PAYLOAD)),
        Sample("z.zip", Craft((replace(ZSTD, data=packed(PAYLOAD), crc=zlib.crc32(PAYLOAD), size=len(PAYLOAD)),)).build()),
    ),
    benign=(
        Sample("z.zip", Craft((replace(ZSTD, data=packed(HARMLESS), crc=zlib.crc32(HARMLESS), size=len(HARMLESS)),)).build()),
        Sample("nested.zip", archive(("inner.zip", archive(("a.txt", b"hello"))))),
        Sample("model.nemo", tar(("model_config.yaml", b"a: 1\n"), ("model_weights.ckpt", PLAIN))),
        Sample("data.7z", seven(HARMLESS)),
        Sample("appended.tar", tar(("a.txt", b"hello")) + tar(("b.txt", b"hello"))),
    ),
    malformed=(
        Sample("cut.7z", seven(HARMLESS)[:-5]),
        Sample("crc.7z", seven(HARMLESS)[:12] + bytes(20) + seven(HARMLESS)[32:]),
        Sample("checksum.tar", tar(("a.txt", b"hello"), ("b.txt", b"hello")).replace(b"b.txt\0", b"c.txt\0")),
        Sample("cut.tar", tar(("a.txt", b"hello" * 400))[:1200]),
    ),
)
TORCH = Family(
    "torch: storages and TorchScript",
    malicious=(
        Sample("save.pt", _zip(0, *torch_zip(**{"code__m.py": b'def f(x):\n  ops.aten.save(x, "/tmp/hanse-test")\n'}))),
        Sample(
            "file.pt",
            _zip(0, *torch_zip(**{"code__m.py": b'def f():\n  return torch . from_file("/tmp/hanse-test", True, 9)\n'})),
        ),
        Sample("method.pt", _zip(0, *torch_zip(**{"code__m.py": b'def f(x):\n  x.save("/tmp/hanse-test")\n'}))),
    ),
    benign=(
        Sample("script.pt", _zip(0, *torch_zip(**{"code__m.py": SCRIPT, "constants.pkl": b"\x80\x02)."}))),
        Sample("words.pt", _zip(0, *torch_zip(**{"code__m.py": SCRIPT + b'  # torch.save\n  a = "ops.aten.save(x)"\n'}))),
        Sample(
            "own.pt",
            _zip(0, *torch_zip(**{"code__m.py": b"def save(self, x):\n  return x\ndef f(self, x):\n  return self.save(x)\n"})),
        ),
        Sample("library.pt", _zip(0, *torch_zip(**{"code__m.py": b"def f(x):\n  return ops.torchvision.nms(x, x, 0.5)\n"}))),
        Sample("custom.pt", _zip(0, *torch_zip(**{"code__m.py": b"def f(x):\n  return ops.mine.attention(x)\n"}))),
    ),
    malformed=(
        Sample("alias.pt", _zip(0, *torch_zip(**{"code__m.py": b"def f(x):\n  t = ops\n  t.aten.size(x)\n"}))),
        Sample("roots.pt", _zip(0, ("x/readme.txt", b"hello"), *torch_zip())),
    ),
)
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, 62) + bytes(100)
LIBRARY = ELF[:16] + struct.pack("<H", 3) + ELF[18:]
PE = b"MZ" + bytes(58) + struct.pack("<L", 64) + b"PE\0\0" + bytes(18) + struct.pack("<H", 2) + bytes(60)
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
PROGRAMS = Family(
    "executable: programs as models",
    malicious=(
        Sample("model.gguf", b"MZqFpD='\n" + bytes(200), "a polyglot program"),
        Sample("eicar.com", EICAR),
    ),
    benign=(
        Sample("libops.so", LIBRARY),
        Sample("server", ELF),
        Sample("tool.exe", PE),
        Sample("run.sh", b"#!/bin/sh\necho hanse-test\n"),
        Sample("letters.bin", b"MZ" + bytes(range(256)) * 2),
        Sample("tools.zip", archive(("lib/plugin.so", LIBRARY))),
    ),
    malformed=(
        Sample("model.bin", PE),
        Sample("model.safetensors", ELF),
        Sample("weights.ckpt", b"#!/bin/sh\necho hanse-test\n"),
        Sample("model.llamafile", b"MZqFpD='\n" + bytes(200)),
        Sample("native.pt", _zip(0, *torch_zip(**{"extra__lib.so": LIBRARY}))),
    ),
)
FAMILIES: dict[str, Family] = {**WRITES, **{one.name: one for one in (HIDES, STREAMS, NESTED, TORCH, PROGRAMS)}}
"""Malicious samples must be judged malicious, benign ones served, malformed ones not safe."""
