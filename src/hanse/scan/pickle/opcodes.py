"""Opcodes of pickle protocols 0 to 5: their bytes, and how long each one is with its argument.

Written from the comments of the standard library's `pickletools`; the differential test in tests/property compares both.
"""

from __future__ import annotations

PROTO, FRAME, STOP, MARK = 0x80, 0x95, 0x2E, 0x28
POP, POP_MARK, DUP = 0x30, 0x31, 0x32
NONE, NEWTRUE, NEWFALSE = 0x4E, 0x88, 0x89
INT, BININT, BININT1, BININT2, LONG, LONG1, LONG4 = 0x49, 0x4A, 0x4B, 0x4D, 0x4C, 0x8A, 0x8B
FLOAT, BINFLOAT = 0x46, 0x47
STRING, BINSTRING, SHORT_BINSTRING = 0x53, 0x54, 0x55
UNICODE, BINUNICODE, SHORT_BINUNICODE, BINUNICODE8 = 0x56, 0x58, 0x8C, 0x8D
BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8 = 0x42, 0x43, 0x8E, 0x96
NEXT_BUFFER, READONLY_BUFFER = 0x97, 0x98
EMPTY_LIST, APPEND, APPENDS, LIST = 0x5D, 0x61, 0x65, 0x6C
EMPTY_TUPLE, TUPLE, TUPLE1, TUPLE2, TUPLE3 = 0x29, 0x74, 0x85, 0x86, 0x87
EMPTY_DICT, DICT, SETITEM, SETITEMS = 0x7D, 0x64, 0x73, 0x75
EMPTY_SET, ADDITEMS, FROZENSET = 0x8F, 0x90, 0x91
PUT, BINPUT, LONG_BINPUT, MEMOIZE = 0x70, 0x71, 0x72, 0x94
GET, BINGET, LONG_BINGET = 0x67, 0x68, 0x6A
GLOBAL, STACK_GLOBAL, INST, OBJ = 0x63, 0x93, 0x69, 0x6F
REDUCE, BUILD, NEWOBJ, NEWOBJ_EX = 0x52, 0x62, 0x81, 0x92
PERSID, BINPERSID = 0x50, 0x51
EXT1, EXT2, EXT4 = 0x82, 0x83, 0x84

LINES = {INT: 1, LONG: 1, FLOAT: 1, STRING: 1, UNICODE: 1, PUT: 1, GET: 1, GLOBAL: 2, INST: 2, PERSID: 1}
"""Opcodes whose argument is text up to a line feed, and how many lines."""
PREFIXED = {
    SHORT_BINSTRING: 1, SHORT_BINUNICODE: 1, SHORT_BINBYTES: 1, LONG1: 1,
    BINSTRING: 4, BINUNICODE: 4, BINBYTES: 4, LONG4: 4,
    BINUNICODE8: 8, BINBYTES8: 8, BYTEARRAY8: 8,
}  # fmt: skip
"""Opcodes whose argument is a length of so many bytes and then the payload."""
SIGNED_LENGTH = frozenset({BINSTRING, LONG4})
STRAIGHT = frozenset({BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8})
"""Payloads that readers collect across the end of a frame."""
_ARGUMENTS = {
    PROTO: 1, FRAME: 8, BININT: 4, BININT1: 1, BININT2: 2, BINFLOAT: 8,
    BINPUT: 1, LONG_BINPUT: 4, BINGET: 1, LONG_BINGET: 4, EXT1: 1, EXT2: 2, EXT4: 4,
}  # fmt: skip
_BARE = (
    MARK, STOP, POP, POP_MARK, DUP, NONE, NEWTRUE, NEWFALSE, NEXT_BUFFER, READONLY_BUFFER, EMPTY_LIST, APPEND, APPENDS, LIST,
    EMPTY_TUPLE, TUPLE, TUPLE1, TUPLE2, TUPLE3, EMPTY_DICT, DICT, SETITEM, SETITEMS, EMPTY_SET, ADDITEMS, FROZENSET, MEMOIZE,
    STACK_GLOBAL, OBJ, REDUCE, BUILD, NEWOBJ, NEWOBJ_EX, BINPERSID,
)  # fmt: skip
KNOWN = frozenset((*LINES, *PREFIXED, *_ARGUMENTS, *_BARE))

_PUSHED = (NONE, NEWTRUE, NEWFALSE, BININT, BININT1, BININT2, BINFLOAT, EMPTY_LIST, EMPTY_TUPLE, EMPTY_DICT, EMPTY_SET)
FIXED = tuple(1 + _ARGUMENTS.get(op, 0) if op in _PUSHED else 0 for op in range(256))
"""By opcode: its whole length if it does nothing but push a constant or an empty container, else 0."""


def reads(data: bytes, at: int) -> list[int]:
    """Return the lengths of the reads that a loader makes for the opcode at `at`: the opcode, then its argument in parts.

    A line or a length that does not end in `data` ends with it.
    """
    code = data[at]
    parts = [1]
    for _ in range(LINES.get(code, 0)):
        start = at + sum(parts)
        found = data.find(b"\n", start)
        parts.append((found + 1 if found >= 0 else len(data)) - start)
    if code in PREFIXED:
        width = PREFIXED[code]
        parts += [width, int.from_bytes(data[at + 1 : at + 1 + width], "little")]
    return [*parts, _ARGUMENTS[code]] if code in _ARGUMENTS else parts
