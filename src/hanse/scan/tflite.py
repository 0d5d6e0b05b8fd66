"""TensorFlow Lite models: custom operators, TensorFlow operators run through the Flex delegate, and offsets.

A Flex operator's options hold a serialised NodeDef; the delegate runs the operator that is named there, not the one outside.
"""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.facts import View
from hanse.scan.flatbuffer import Flat, Table, flex_texts
from hanse.scan.formats import Context, Format
from hanse.scan.protobuf import Wire
from hanse.scan.ruleset import Hit
from hanse.scan.savedmodel import op_rule
from hanse.scan.source import BytesSource, Source
from hanse.scan.walk import Malformed, ViewBuilder, Walk

CUSTOM = 32
MAX_OPTIONS = 64 * 1024
NODE_SCHEMA = {"Node": {1: "text", 2: "text"}}
OPERATOR_COST = 20


def claims(head: bytes, _source: Source) -> bool:
    """Tell whether the content has the identifier of a model."""
    return head[4:8] == b"TFL3"


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Keep custom and Flex operators; check that buffers, tensors and operators stay inside what holds them."""
    flat = Flat(source, walk.budget)
    model = Table(flat, flat.follow(0))
    view.see("model", 0, version=model.number(0, 4), description=model.text(3))
    codes = [_code(one) for one in model.tables(1)]
    for name in sorted({name for name in codes if name}):
        view.see("custom", name=name)
    buffers = 0
    for one in model.tables(4):
        _check_buffer(one, buffers, source.size)
        buffers += 1
    flexes: set[str] = set()
    for graph in model.tables(2):
        tensors = _check_tensors(graph, buffers)
        for operator in graph.tables(3):
            walk.budget.spend("operations", OPERATOR_COST)
            _check_operator(operator, len(codes), tensors, flat)
            if codes[operator.number(0, 4)].startswith("Flex"):
                flexes.update(_flex_ops(operator, flat, walk))
                if len(flexes) > 1_000:
                    raise Malformed("more TensorFlow operators than there are")
    for op in sorted(flexes):
        view.see("flex", op=op)


def _code(code: Table) -> str:
    """Return the name of an operator code's custom operator, empty for built-in ones."""
    builtin = max(code.number(0, 1), code.number(3, 4))
    return code.text(1) or "?" if builtin == CUSTOM else ""


def _check_buffer(buffer: Table, index: int, size: int) -> None:
    buffer.vector(0, 1)
    offset, length = buffer.number(1, 8), buffer.number(2, 8)
    if offset > 1 and offset + length > size:
        raise Malformed(f"buffer {index} leads out of the file", offset if offset < size else None)


def _check_tensors(graph: Table, buffers: int) -> int:
    count = 0
    for tensor in graph.tables(0):
        if tensor.number(2, 4) >= max(buffers, 1):
            raise Malformed(f"tensor {count} has a buffer that is not there")
        count += 1
    return count


def _check_operator(operator: Table, codes: int, tensors: int, flat: Flat) -> None:
    if operator.number(0, 4) >= codes:
        raise Malformed("an operator that the model does not declare")
    for field in (1, 2):
        start, count = operator.vector(field, 4)
        data = flat.data(start, 4 * count) if count else b""
        for index in range(0, len(data), 4):
            if not -1 <= int.from_bytes(data[index : index + 4], "little", signed=True) < tensors:
                raise Malformed("an operator uses a tensor that is not there", start + index)


def _flex_ops(operator: Table, flat: Flat, walk: Walk) -> Iterator[str]:
    """Yield the TensorFlow operators that a Flex operator's options name, by text and in the NodeDef."""
    start, count = operator.vector(5, 1)
    if not count:
        return
    texts = flex_texts(flat.data(start, min(count, MAX_OPTIONS)))
    if count > MAX_OPTIONS or len(texts) < 2:
        raise Malformed("options of a Flex operator", start)
    yield texts[0].decode("utf-8", "backslashreplace")
    wire = Wire(BytesSource(texts[1]), walk.budget)
    for message in wire.messages(NODE_SCHEMA, "Node", len(texts[1])):
        yield message.text(2)


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules about operators and structure."""
    for one in view.all("tflite.malformed"):
        yield Hit("TFLITE-MALFORMED", view.member, one.at, words=one.data)
    for one in view.all("tflite.custom", "tflite.flex"):
        op = str(one.data.get("op") or one.data["name"])
        flex = one.kind == "tflite.flex" or op.startswith("Flex")
        if flex:
            rule = op_rule(op.removeprefix("Flex") if one.kind == "tflite.custom" else op, context)
        else:
            rule = None if op in context.rules.names("tensorflow", "tflite_custom") else "TFLITE-OP-CUSTOM"
        if rule is not None:
            yield Hit(rule, view.member, callable=op, words={"op": op, "node": "a Flex operator" if flex else op})


FORMATS = (Format("tflite", True, judge, claims, observe),)
