"""TensorFlow graphs: SavedModel, MetaGraph and frozen GraphDef files, function libraries included, and Keras metadata.

An operator runs when the graph does, and some run when it is loaded (initialisers, restore). What matters is which operators
there are and which paths they are given as constants. Weights inside the graph are skipped by their length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hanse.scan.budget import Budget, OverBudget
from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.protobuf import BYTES, PROBE_OPERATIONS, VARINT, Field, Message, Wire
from hanse.scan.reach import INSIDE, reach
from hanse.scan.ruleset import Hit
from hanse.scan.source import SliceSource, Source
from hanse.scan.textual import is_plain
from hanse.scan.walk import Malformed, ViewBuilder, Walk, join

SCHEMA = {
    "SavedModel": {1: "number", 2: "MetaGraph"},
    "MetaGraph": {2: "Graph", 6: "Asset", 7: "Objects"},
    "Asset": {2: "text"},
    "Objects": {1: "Object"},
    "Object": {4: "UserObject"},
    "UserObject": {1: "text", 3: "span"},
    "Graph": {1: "Node", 2: "Library"},
    "Library": {1: "Function"},
    "Function": {1: "Signature", 3: "Node"},
    "Signature": {1: "text"},
    "Node": {1: "text", 2: "text", 3: "span", 5: "Attr"},
    "Attr": {1: "text", 2: "Value"},
    "Value": {2: "text", 8: "Tensor"},
    "Tensor": {8: "text"},
    "KerasMetadata": {1: "KerasNode"},
    "KerasNode": {4: "text", 5: "span"},
}
ATTACHED = ("Signature", "Attr", "Value", "Tensor")
VALUED = frozenset({"", "Const", "PrintV2", "HashTableV2", "VarHandleOp"})
"""Operators whose attributes are read; with no name yet, too: fields may come in any order."""
ROOTS: dict[str, tuple[tuple[int, ...], ...]] = {
    "SavedModel": ((2, 2, 1), (2, 2, 2, 1, 3)),
    "MetaGraph": ((2, 1), (2, 2, 1, 3)),
    "Graph": ((1,), (2, 1, 3)),
}
"""Outermost message to the fields that lead to its nodes."""
ENDLESS = 1 << 62
OP_NAME = re.compile(r"[A-Za-z0-9_.][\w.>/\\-]{0,500}", re.ASCII)
TOUCHES = re.compile(r"File|Save|Restore|Record|Dataset|Reader|Load|Summary|Initialize|Checkpoint")
"""Operators whose names say that they could take a path; what comes in is resolved for them."""
MAX_EMPTY = 64
NODE_COST = 40
TEXT_COST = 1_500
MAX_OPS = 1_500
MAX_CONSTANTS = 20_000
MAX_OBJECTS = 2_000


def root_of(source: Source) -> str | None:
    """Return the name of the message that a file could be, if it could be one with a graph or Keras metadata.

    More fields before the first node than anybody writes make it one, too: padding must not hide a graph.
    """
    first = _first(source)
    if first is None:
        return None
    if first.wire == BYTES and first.number == 1 and _is_keras(_probe(source), first, source.size):
        return "KerasMetadata"
    padded = None
    for name, ways in ROOTS.items():
        for way in ways:
            try:
                if _leads(_probe(source), 0, source.size, way):
                    return name
            except OverBudget:
                padded = padded or name
    return padded


def _probe(source: Source) -> Wire:
    return Wire(source, Budget({"operations": PROBE_OPERATIONS}))


def _first(source: Source) -> Field | None:
    """Return the first field if a graph could start with it."""
    try:
        first = _probe(source).field(0, ENDLESS)
    except Malformed:
        return None
    known = first.wire == BYTES or (first.wire == VARINT and first.number in {1, 3})
    return first if known and first.number <= 8 else None


def _leads(wire: Wire, start: int, end: int, way: tuple[int, ...]) -> bool:
    """Tell whether fields lead to a node; every message on the way is looked at, cut ones up to the cut."""
    at, empty = start, 0
    while at < end:
        try:
            found = wire.field(at, ENDLESS)
        except Malformed:
            return False
        if found.number == way[0] and found.wire == BYTES:
            stop = min(found.after, end)
            if len(way) > 1:
                leads = _leads(wire, found.start, stop, way[1:])
            else:
                node = _is_node(wire, found.start, stop)
                empty += 1
                if node is False:
                    return False
                leads = node is True or empty >= MAX_EMPTY
            if leads:
                return True
        at = found.after
    return False


def _is_node(wire: Wire, start: int, end: int) -> bool | None:
    """Tell whether a message has the name and the operator of a node; None if it has neither."""
    names: dict[int, str] = {}
    at = start
    while at < end:
        try:
            found = wire.field(at, end)
        except Malformed:
            break
        if found.number in {1, 2}:
            if found.wire != BYTES:
                return False
            names[found.number] = wire.text(found.start, found.value)
        at = found.after
    if not names:
        return None
    return all(OP_NAME.fullmatch(names.get(number, "")) is not None for number in (1, 2))


def _is_keras(wire: Wire, first: Field, size: int) -> bool:
    at, end = first.start, min(first.after, size)
    try:
        while at < end:
            found = wire.field(at, end)
            if found.number == 4 and found.wire == BYTES:
                return wire.text(found.start, found.value).startswith("_tf_keras")
            at = found.after
    except (Malformed, OverBudget):
        return False
    return False


def claims(head: bytes, source: Source) -> bool:
    """Tell whether this could be a SavedModel, MetaGraph or GraphDef, or the Keras metadata beside one."""
    if len(head) < 4 or head[0] not in {0x08, 0x0A, 0x12, 0x18, 0x22, 0x2A, 0x32, 0x3A} or is_plain(head):
        return False
    return root_of(source) is not None


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Keep the operators with the constant paths they get, asset names, and go down into Keras configurations."""
    root = root_of(source) or "SavedModel"
    wire = Wire(source, walk.budget)
    graph = _Graph(walk, wire)
    view.see("root", 0, message=root)
    try:
        for message in wire.messages(SCHEMA, root, source.size, attach=ATTACHED, wanted=_wanted):
            graph.take(message, view)
    finally:
        graph.summarize(view)
    for number, (start, length) in enumerate(graph.configurations):
        walk.budget.spend("operations", TEXT_COST)
        walk.descend(SliceSource(source, start, length), join(view.member, f"keras metadata {number}"))


def _wanted(message: Message, number: int) -> bool:
    return message.name != "Node" or number != 5 or message.text(2) in VALUED


class _Graph:
    """What has been met so far: every operator once; nodes and constants of the graph or function being read."""

    def __init__(self, walk: Walk, wire: Wire) -> None:
        self.walk = walk
        self.wire = wire
        self.ops: dict[str, dict[str, Any]] = {}
        self.functions: set[str] = set()
        self.constants: dict[str, str] = {}
        self.uses: list[tuple[str, str, int, list[str]]] = []
        self.configurations: list[tuple[int, int]] = []

    def take(self, message: Message, view: ViewBuilder) -> None:
        """Note one message."""
        if message.name == "Node":
            self.walk.budget.spend("operations", NODE_COST)
            self._node(message, view)
        elif message.name == "Function":
            self.functions.update(one.text(1) for one in message.all(1))
            self._resolve(view)
        elif message.name == "Graph":
            self._resolve(view)
        elif message.name == "Asset":
            name = message.text(2)
            if reach(name) != INSIDE:
                view.see("asset", message.at, name=name)
        elif message.name in {"UserObject", "KerasNode"}:
            spans = message.all(3 if message.name == "UserObject" else 5)
            self.configurations.extend(span for span in spans if span[1] > 2)
            if len(self.configurations) > MAX_OBJECTS:
                raise OverBudget("members")

    def _node(self, node: Message, view: ViewBuilder) -> None:
        name, op = node.text(1), node.text(2)
        known = self.ops.setdefault(op, {"at": node.at, "node": name, "count": 0})
        known["count"] += 1
        if len(self.ops) > MAX_OPS:
            raise OverBudget("observations")
        texts = [(attr.text(1), value) for attr in node.all(5) for one in attr.all(2) for value in _texts(one)]
        if op == "Const":
            for _key, text in texts[:4]:
                if len(self.constants) < MAX_CONSTANTS and 0 < len(text) < 2_000:
                    self.constants.setdefault(name, text)
        elif texts and op == "PrintV2":
            view.see("attribute", node.at, op=op, node=name, values=[text for key, text in texts if key == "output_stream"])
        elif TOUCHES.search(op):
            self.uses.append((op, name, node.at, [self.wire.text(*span) for span in node.all(3)[:8]]))

    def _resolve(self, view: ViewBuilder) -> None:
        """Note which constants the nodes of a graph that touch files are given."""
        seen = set()
        for op, name, at, inputs in self.uses:
            texts = [self.constants.get(one.split(":")[0].lstrip("^"), "") for one in inputs]
            paths = [text for text in texts if text and reach(text) != INSIDE]
            key = (op, *paths)
            if paths and key not in seen:
                seen.add(key)
                view.see("path", at, op=op, node=name, paths=paths)
        self.uses.clear()
        self.constants.clear()

    def summarize(self, view: ViewBuilder) -> None:
        """Keep the operators, without those that are functions of the file's own library."""
        for op, known in sorted(self.ops.items()):
            if op not in self.functions:
                view.see("op", known["at"], op=op, node=known["node"], count=known["count"])


def _texts(value: Message) -> Iterator[str]:
    yield from map(str, value.all(2))
    for tensor in value.all(8):
        yield from map(str, tensor.all(8)[:4])


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules about operators, paths, assets and structure."""
    for one in view.all("savedmodel.malformed"):
        yield Hit("TF-MALFORMED", view.member, one.at, words=one.data)
    for one in view.all("savedmodel.op"):
        rule = op_rule(str(one.data["op"]), context)
        if rule is not None:
            yield Hit(rule, view.member, one.at, callable=str(one.data["op"]), words=one.data)
    for one in view.all("savedmodel.asset"):
        yield Hit("TF-ASSET-OUTSIDE", view.member, one.at, words={**one.data, "where": reach(str(one.data["name"]))})
    yield from _judge_paths(view, context)


def _judge_paths(view: View, context: Context) -> Iterator[Hit]:
    touching = context.rules.names("tensorflow", "checkpoint_ops")
    for one in view.all("savedmodel.path"):
        for path in one.data["paths"] if one.data["op"] in touching else ():
            yield Hit("TF-PATH-OUTSIDE", view.member, one.at, words={**one.data, "path": path, "where": reach(str(path))})
    for one in view.all("savedmodel.attribute"):
        if any(str(value).startswith("file:") for value in one.data["values"]):
            yield Hit("TF-OP-WRITES", view.member, one.at, callable="PrintV2", words=one.data)


def op_rule(op: str, context: Context) -> str | None:
    """Return the rule that a TensorFlow operator falls under, None for one that computes."""
    for rule, key in (("TF-OP-PYTHON", "python_ops"), ("TF-OP-NATIVE", "native_ops"), ("TF-OP-WRITES", "writing_ops")):
        if op in context.rules.names("tensorflow", key):
            return rule
    for rule, key in (("TF-OP-READS", "reading_ops"), ("TF-OP-NETWORK", "network_ops"), ("TF-OP-DATA", "data_ops")):
        if op in context.rules.names("tensorflow", key):
            return rule
    return None if op in context.rules.names("tensorflow", "known_ops") else "TF-OP-UNKNOWN"


FORMATS = (Format("savedmodel", True, judge, claims, observe, 7 * PROBE_OPERATIONS),)
