"""The table of handlers."""

from __future__ import annotations

from hanse.scan.pickle import opcodes as op
from hanse.scan.pickle.data_handlers import unknown
from hanse.scan.pickle.handlers import HANDLERS

IN_THE_LOOP = {op.BINGET, op.MEMOIZE, op.MARK, op.TUPLE2}


def test_every_opcode_has_a_handler() -> None:
    """Only what is no opcode, and what the loop always does itself, ends a stream as unknown."""
    missing = {code for code in op.KNOWN if HANDLERS[code] is unknown and not op.FIXED[code]}
    assert missing == IN_THE_LOOP
    assert all(HANDLERS[code] is unknown for code in range(256) if code not in op.KNOWN)
