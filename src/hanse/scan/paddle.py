"""PaddlePaddle programs (.pdmodel): which operators call Python, and which load or save files that the program names.

Parameters beside a program (.pdiparams) are raw tensors; .pdparams files are pickles and are read as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hanse.scan.budget import Budget, OverBudget
from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.protobuf import BYTES, PROBE_OPERATIONS, VARINT, Wire
from hanse.scan.reach import INSIDE, reach
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.textual import is_plain
from hanse.scan.walk import Malformed, ViewBuilder, Walk

SCHEMA = {
    "Program": {1: "Block"},
    "Block": {4: "Op"},
    "Op": {3: "text", 4: "Attr"},
    "Attr": {1: "text", 5: "text"},
}
OP_COST = 20
MAX_OPS = 1_500
ENDLESS = 1 << 62
_OP_NAME = re.compile(r"[a-z_][a-z0-9_.]{0,100}", re.ASCII)


def claims(head: bytes, source: Source) -> bool:
    """Tell whether this could be a program: a block with its numbers first, and an operator in it."""
    if not head.startswith(b"\x0a") or is_plain(head):
        return False
    wire = Wire(source, Budget({"operations": PROBE_OPERATIONS}))
    try:
        block = wire.field(0, ENDLESS)
        at, end, numbers = block.start, min(block.after, source.size), set()
        while at < end:
            found = wire.field(at, ENDLESS)
            if found.number in {1, 2}:
                if found.wire != VARINT:
                    return False
                numbers.add(found.number)
            elif found.number == 4 and found.wire == BYTES:
                return numbers == {1, 2} and _is_operator(wire, found.start, min(found.after, end))
            at = found.after
    except Malformed:
        return False
    except OverBudget:
        return numbers == {1, 2}
    return False


def _is_operator(wire: Wire, at: int, end: int) -> bool:
    while at < end:
        found = wire.field(at, ENDLESS)
        if found.number == 3:
            return found.wire == BYTES and _OP_NAME.fullmatch(wire.text(found.start, found.value)) is not None
        at = found.after
    return False


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Keep every operator once, and the paths that operators are given."""
    wire = Wire(source, walk.budget)
    seen: set[str] = set()
    for message in wire.messages(SCHEMA, "Program", source.size, attach=("Attr",)):
        if message.name != "Op":
            continue
        walk.budget.spend("operations", OP_COST)
        op = message.text(3)
        if op not in seen:
            seen.add(op)
            if len(seen) > MAX_OPS:
                raise OverBudget("observations")
            view.see("op", message.at, op=op)
        for attribute in message.all(4):
            path = attribute.text(5)
            if attribute.text(1) == "file_path" and f"{op} {path}" not in seen:
                seen.add(f"{op} {path}")
                view.see("path", message.at, op=op, path=path)


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules about operators, paths and structure."""
    for one in view.all("paddle.malformed"):
        yield Hit("PADDLE-MALFORMED", view.member, one.at, words=one.data)
    for one in view.all("paddle.op"):
        if one.data["op"] in context.rules.names("paddle", "python_ops"):
            yield Hit("PADDLE-OP-PYTHON", view.member, one.at, callable=str(one.data["op"]), words=one.data)
    for one in view.all("paddle.path"):
        where = reach(str(one.data["path"]))
        rule = "PADDLE-PATH-BESIDE" if where == INSIDE else "PADDLE-PATH-OUTSIDE"
        yield Hit(rule, view.member, one.at, words={**one.data, "where": where})


FORMATS = (Format("paddle", True, judge, claims, observe, PROBE_OPERATIONS),)
