"""Inert pickle streams of each technique, written opcode by opcode; the commands that they name only print."""

from __future__ import annotations

import struct
import zlib

from tests.samples.base import Family, Sample

COMMAND = "echo hanse-test"


def text(value: str) -> bytes:
    """Return the opcode that pushes a text."""
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def binary(value: bytes) -> bytes:
    """Return the opcode that pushes bytes."""
    return b"B" + struct.pack("<I", len(value)) + value


def imported(module: str, name: str) -> bytes:
    """Return the opcode GLOBAL."""
    return f"c{module}\n{name}\n".encode()


def called(module: str, name: str, *arguments: bytes) -> bytes:
    """Return the opcodes of a call by REDUCE; arguments: opcodes that push one value each."""
    return imported(module, name) + b"(" + b"".join(arguments) + b"tR"


def stream(body: bytes, proto: int = 2) -> bytes:
    """Return a whole stream."""
    return (b"\x80" + bytes([proto]) if proto > 1 else b"") + body + b"."


def frame(body: bytes, length: int | None = None) -> bytes:
    """Return a frame that says it has `length` bytes, as many as it has if none is given."""
    return b"\x95" + struct.pack("<Q", len(body) if length is None else length) + body


SYSTEM = called("posix", "system", text(COMMAND))
SAFE = called("collections", "OrderedDict")


def _pair(name: str, malicious: bytes, benign: bytes, suffix: str = "pkl") -> Family:
    return Family(name, (Sample(f"{name}/bad.{suffix}", malicious),), (Sample(f"{name}/good.{suffix}", benign),))


def _both(name: str, wrap: object) -> Family:
    assert callable(wrap)
    return _pair(name, wrap(SYSTEM), wrap(SAFE))


def _stack_global(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


def joblib_array(raw: bytes, dtype: str | bytes = "u1", *, padding: bool = True, count: int | None = None) -> bytes:
    """Return what joblib writes for an array of `count` items: wrapper, state, padding, the array. dtype: name, or opcodes."""
    kind = called("numpy", "dtype", text(dtype), b"\x89", b"\x88") if isinstance(dtype, str) else dtype
    size = len(raw) if count is None else count
    items = text("subclass") + imported("numpy", "ndarray") + text("shape") + b"K" + bytes([size]) + b"\x85"
    items += text("order") + text("C") + text("dtype") + kind + text("allow_mmap") + b"\x88"
    items += text("numpy_array_alignment_bytes") + b"K\x10" if padding else b""
    filled = b"\x03\xff\xff\xff" if padding else b""
    return imported("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81}(" + items + b"ub" + filled + raw


def npy(descr: str, shape: str, body: bytes) -> bytes:
    """Return a `.npy` file of format 1.0."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


def _opcode_families() -> list[Family]:
    inst = b"(" + text(COMMAND) + b"iposix\nsystem\n"
    nice_inst = b"(icollections\nOrderedDict\n"
    return [
        _both("pickle-reduce", stream),
        _pair(
            "pickle-stack-global",
            stream(_stack_global("posix", "system") + text(COMMAND) + b"\x85R", 4),
            stream(_stack_global("collections", "OrderedDict") + b")R", 4),
        ),
        _pair("pickle-inst", stream(inst, 0), stream(nice_inst, 0)),
        _pair(
            "pickle-obj",
            stream(b"(" + imported("posix", "system") + text(COMMAND) + b"o", 1),
            stream(b"(" + imported("collections", "OrderedDict") + b"o", 1),
        ),
        _pair(
            "pickle-newobj",
            stream(imported("posix", "system") + text(COMMAND) + b"\x85\x81"),
            stream(imported("collections", "OrderedDict") + b")\x81"),
        ),
        _pair(
            "pickle-newobj-ex",
            stream(imported("posix", "system") + text(COMMAND) + b"\x85}\x92", 4),
            stream(imported("collections", "OrderedDict") + b")}\x92", 4),
        ),
    ]


def _stack_families() -> list[Family]:
    memo = (
        imported("posix", "system")
        + b"q\x05"
        + b"0"
        + imported("builtins", "len")
        + b"q\x06"
        + b"0h\x05"
        + text(COMMAND)
        + b"\x85R"
    )
    registered = called("copyreg", "add_extension", text("posix"), text("system"), b"K\xf0")
    nice_memo = memo.replace(b"posix\nsystem", b"builtins\nstr")
    return [
        _both("pickle-popped", lambda body: stream(body + b"0N")),
        _both("pickle-dup", lambda body: stream(b"N2" + body + b"20")),
        _both("pickle-in-dict", lambda body: stream(b"}(" + text("weights") + body + b"u")),
        _pair("pickle-memo", stream(memo), stream(nice_memo)),
        _pair("pickle-memo-bomb", stream(b"Nr\xff\xff\xff\xff"), stream(b"Nr\xff\xff\x00\x00")),
        _pair(
            "pickle-extension",
            stream(registered + b"0\x82\xf0" + text(COMMAND) + b"\x85R"),
            stream(b"K\xf0" + text(COMMAND) + b"\x86"),
        ),
        _pair("pickle-persistent", stream(b"Pstorage\n0" + SYSTEM), stream(text("storage"))),
    ]


def _name_families() -> list[Family]:
    joined = called("builtins", "str.join", text(""), text("po") + text("six") + b"\x86")
    getter = called("operator", "attrgetter", text("system")) + imported("posix", "error") + b"\x85R" + text(COMMAND) + b"\x85R"
    state = imported("numpy", "prod") + b"}" + text("a") + text("b") + b"sb"
    return [
        _pair(
            "pickle-computed-name",
            stream(joined + text("system") + b"\x93" + text(COMMAND) + b"\x85R", 4),
            stream(text("posix") + text("system") + b"\x86", 4),
        ),
        _pair("pickle-called-result", stream(getter), stream(SAFE)),
        _pair(
            "pickle-dotted",
            stream(_stack_global("numpy", "core.os.system") + text(COMMAND) + b"\x85R", 4),
            stream(_stack_global("collections", "OrderedDict") + b")R", 4),
        ),
        _pair("pickle-build-on-import", stream(state + b"0" + SYSTEM), stream(SAFE + b"}" + text("a") + text("b") + b"sb")),
        _pair(
            "pickle-setitem-on-object",
            stream(called("builtins", "vars") + text("a") + SYSTEM + b"s"),
            stream(SAFE + text("a") + text("b") + b"s"),
        ),
    ]


def _layout_families() -> list[Family]:
    # A reader that drops what a frame has left takes the four zeros as length, one that reads on takes 512.
    dropped = b"\x80\x04" + frame(b"N0X\x00\x02\x00") + bytes(4) + SYSTEM + b"."
    dropped = dropped.ljust(len(frame(bytes(6))) + 2 + 1 + 512, b"N") + b"."
    odd = b"\x80\x04" + frame(b"NX\x02\x00\x00") + b"\x00N"
    nested = stream(SYSTEM)
    array = bytes(range(200))
    return [
        _both("pickle-frame", lambda body: stream(frame(body), 4)),
        Family(
            "pickle-frame-differs",
            (Sample("frame/cross.pkl", dropped),),
            (Sample("frame/good.pkl", stream(frame(b"N") + frame(b"0N"), 4)),),
            (Sample("frame/odd.pkl", odd),),
        ),
        _both("pickle-second-stream", lambda body: stream(b"N") + stream(body)),
        _both(
            "pickle-legacy-layout",
            lambda body: (
                stream(b"\x8a\x02\x01\x02") + stream(b"M\xe9\x03") + stream(b"}") + stream(body) + stream(b"]") + bytes(64)
            ),
        ),
        _pair("pickle-nested-bytes", stream(called("pickle", "loads", binary(nested)), 3), stream(binary(b"\x00" + nested), 3)),
        _pair(
            "pickle-nested-text",
            stream(called("pickle", "loads", text("cposix\nsystem\n(S'echo hanse-test'\ntR."))),
            stream(text("cposix and system\n")),
        ),
        _both("pickle-padding", lambda body: stream(b"N0" * 30_000 + body)),
        _both("pickle-after-bytes", lambda body: stream(binary(zlib.compress(bytes(5000)) * 40) + body)),
        _both("pickle-joblib-array", lambda body: stream(b"}(" + text("a") + joblib_array(array) + text("b") + body + b"u", 4)),
        _pair(
            "pickle-joblib-opcodes",
            stream(joblib_array(SYSTEM + b".", padding=False), 4),
            stream(joblib_array(bytes(range(1, 90))), 4),
        ),
        _pair("pickle-buried", bytes(range(1, 250)) * 9 + stream(SYSTEM), bytes(range(1, 250)) * 9),
        _pair("npy-objects", npy("'|O'", "(1,)", stream(SYSTEM)), npy("'<f4'", "(2,)", bytes(8)), "npy"),
    ]


def _malformed() -> Family:
    broken = {
        "bad-opcode": b"\x80\x04N\xff.",
        "underflow": b"\x80\x040.",
        "hole": b"\x80\x04h\x05.",
        "truncated": b"\x80\x04X\xff\x00\x00\x00abc",
        "no-stop": b"\x80\x04}",
        "protocol": b"\x80\x04N\x80\x09.",
        "negative": b"\x80\x02NT\xff\xff\xff\xff.",
    }
    return Family("pickle-broken", (), (), tuple(Sample(f"broken/{name}.pkl", data) for name, data in broken.items()))


FAMILIES: dict[str, Family] = {
    one.name: one for one in (*_opcode_families(), *_stack_families(), *_name_families(), *_layout_families(), _malformed())
}
