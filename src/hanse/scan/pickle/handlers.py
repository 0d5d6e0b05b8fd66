"""The table of handlers: what the machine does for each opcode that its loop does not do itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hanse.scan.pickle import call_handlers as calls
from hanse.scan.pickle import data_handlers as data
from hanse.scan.pickle import opcodes as op

if TYPE_CHECKING:
    from hanse.scan.pickle.machine import Machine

Handler = Callable[["Machine", int], int]


def _table() -> tuple[Handler, ...]:
    table: dict[int, Handler] = dict.fromkeys(range(256), data.unknown)
    table |= dict.fromkeys((op.INT, op.LONG, op.FLOAT, op.STRING, op.UNICODE), data.text_constant)
    table |= {code: data.payload(width) for code, width in op.PREFIXED.items()}
    table |= {op.STOP: data.stop, op.PROTO: data.proto, op.FRAME: data.frame}
    table |= {op.POP: data.pop, op.POP_MARK: data.pop_mark, op.DUP: data.dup}
    table |= {op.TUPLE: data.make_tuple, op.TUPLE1: data.tuples(1), op.TUPLE3: data.tuples(3)}  # the loop does TUPLE2
    table |= {op.LIST: data.collect, op.FROZENSET: data.collect, op.DICT: data.make_dict}
    table |= {op.SETITEM: data.setitem, op.APPEND: data.append}
    table |= dict.fromkeys((op.APPENDS, op.SETITEMS, op.ADDITEMS), data.fill)
    table |= {op.BINPUT: data.put(1), op.LONG_BINPUT: data.put(4), op.PUT: data.text_put}
    table |= {op.LONG_BINGET: data.long_binget, op.GET: data.text_get}
    table |= {op.NEXT_BUFFER: data.push_here, op.READONLY_BUFFER: data.nothing}
    table |= {op.GLOBAL: calls.bring_global, op.STACK_GLOBAL: calls.stack_global, op.INST: calls.make_instance}
    table |= {op.OBJ: calls.call_object, op.REDUCE: calls.reduce("REDUCE"), op.NEWOBJ: calls.reduce("NEWOBJ")}
    table |= {op.NEWOBJ_EX: calls.newobj_ex, op.BUILD: calls.build_object}
    table |= {op.PERSID: calls.persid, op.BINPERSID: calls.binpersid}
    table |= {op.EXT1: calls.extension(1), op.EXT2: calls.extension(2), op.EXT4: calls.extension(4)}
    return tuple(table[code] for code in range(256))


HANDLERS = _table()
"""By opcode."""
