"""ONNX models: where tensors take their data from and which operators run, in subgraphs and functions too.

External data (`TensorProto.external_data`) is how a model reads files; a domain that the runtime does not have is how it asks
for native or Python code. Weights inside the model are skipped by their length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hanse.scan.budget import Budget, OverBudget
from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.protobuf import BYTES, PROBE_OPERATIONS, VARINT, Message, Wire, shape
from hanse.scan.reach import INSIDE, reach
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.textual import is_plain
from hanse.scan.walk import Malformed, ViewBuilder, Walk

SCHEMA = {
    "Model": {1: "number", 2: "text", 3: "text", 7: "Graph", 8: "Opset", 14: "Entry", 20: "Training", 25: "Function"},
    "Opset": {1: "text", 2: "number"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {1: "text", 7: "Node", 10: "text", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Node": {4: "text", 5: "Attribute", 7: "text"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Tensor": {8: "text", 13: "Entry", 14: "number"},
    "Entry": {1: "text", 2: "text"},
}
MODEL_FIELDS = dict.fromkeys((2, 3, 4, 6, 7, 8, 14, 20, 25, 26), BYTES) | {1: VARINT, 5: VARINT}
GRAPH_FIELDS = frozenset({1, 2, 5, 10, 11, 12, 13, 14, 15, 16})
PROBE_FIELDS = 64
MAX_VERSION = 1_000
ENDLESS = 1 << 62
MAX_LOCATIONS = 500
MAX_NAMES = 20
OP_NAME = re.compile(r"[A-Za-z_][\w.:>/-]{0,200}", re.ASCII)
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][\w.+=@ -]{0,200}", re.ASCII)


def claims(head: bytes, source: Source) -> bool:
    """Tell whether this could be a model: fields that cover the file, a graph and a version of the format or its operators.

    A file that was cut inside its graph is claimed too, and so is one with more fields before the graph than anybody writes,
    unless it is text.
    """
    if len(head) < 4 or head[0] < 8 or head[0] & 7 not in {VARINT, BYTES, 1, 5}:
        return False
    text = is_plain(head)
    wire = Wire(source, Budget({"operations": PROBE_OPERATIONS}))
    at, graph, version = 0, False, False
    try:
        while at < source.size:
            found = wire.field(at, ENDLESS)
            if MODEL_FIELDS.get(found.number, None if text else found.wire) != found.wire:
                return False
            if found.number == 7:
                graph = graph or _is_graph(wire, found.start, min(found.after, source.size))
            if found.after > source.size:
                return graph and found.number == 7
            version = version or found.number == 8 or (found.number == 1 and 0 < found.value <= MAX_VERSION)
            at = found.after
    except Malformed:
        return False
    except OverBudget:
        return graph or not text
    return graph and version


def _is_graph(wire: Wire, start: int, end: int) -> bool:
    """Tell whether a message could be a graph: a node with an operator, or inputs, outputs and tensors and no node at all.

    Fields past PROBE_FIELDS are not looked at, so that padding does not hide a graph.
    """
    at, count, known, nodes = start, 0, False, 0
    while at < end and count < PROBE_FIELDS:
        try:
            found = wire.field(at, ENDLESS)
        except Malformed:
            return False
        if found.number in GRAPH_FIELDS:
            if found.wire != BYTES:
                return False
            if found.number == 1:
                nodes += 1
                if _is_node(wire, found.start, min(found.after, end)):
                    return True
            known = True
        at, count = found.after, count + 1
    return (known and not nodes) or count == PROBE_FIELDS


def _is_node(wire: Wire, start: int, end: int) -> bool:
    fields = shape(wire, start, end)
    if fields is None:  # cut by the end of the file
        return True
    names = [wire.text(one.start, one.value) for one in fields if one.number == 4 and one.wire == BYTES]
    return bool(names) and OP_NAME.fullmatch(names[-1]) is not None


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Keep the external files, the domains with their operators, the model's own functions and its metadata."""
    model = _Model()
    wire = Wire(source, walk.budget)
    try:
        for message in wire.messages(SCHEMA, "Model", source.size, attach=("Entry",)):
            model.take(message, view)
    finally:
        model.summarize(view)


class _Model:
    """What has been met so far, each thing once."""

    def __init__(self) -> None:
        self.domains: dict[str, dict[str, int]] = {}
        self.functions: set[tuple[str, str]] = set()
        self.locations: set[str] = set()
        self.plain = 0
        self.nodes = 0

    def take(self, message: Message, view: ViewBuilder) -> None:
        """Note one message."""
        if message.name == "Node":
            self.nodes += 1
            ops = self.domains.setdefault(message.text(7), {})
            ops.setdefault(message.text(4), message.at)
            if len(ops) + len(self.domains) > 20_000:
                raise OverBudget("observations")
        elif message.name == "Tensor" and (message.values.get(13) or message.number(14)):
            self._external(message, view)
        elif message.name == "Function":
            self.functions.add((message.text(10), message.text(1)))
        elif message.name == "Model":
            view.see("model", 0, ir=message.number(1), producer=message.text(2), version=message.text(3))
            for entry in message.all(14)[:MAX_NAMES]:
                view.see("metadata", entry.at, key=entry.text(1), value=entry.text(2))

    def _external(self, tensor: Message, view: ViewBuilder) -> None:
        """Note where a tensor's data lie: plain names once each, up to a bound, as some models have a file per tensor."""
        entries: dict[str, Any] = {}
        for one in tensor.all(13):
            entries.setdefault(one.text(1), []).append(one.text(2))
        odd = {
            key: values for key in ("offset", "length") for values in [entries.get(key, [])] if not all(map(_is_count, values))
        }
        for location in entries.get("location", [""]):
            if PLAIN_NAME.fullmatch(location) and not odd:
                self.plain += 1
                if location in self.locations or len(self.locations) >= MAX_LOCATIONS:
                    continue
            elif location in self.locations and not odd:
                continue
            self.locations.add(location)
            view.see("external", tensor.at, location=location, tensor=tensor.text(8), odd=odd)

    def summarize(self, view: ViewBuilder) -> None:
        """Keep what is known only at the end: operators of each domain, without those that the model itself defines."""
        for domain, ops in self.domains.items():
            own = [op for op in ops if (domain, op) in self.functions]
            rest = [op for op in ops if (domain, op) not in self.functions]
            at = min(ops.values())
            view.see("domain", at, domain=domain, operators=sorted(rest)[:60], count=len(rest), own=len(own))
            for op in rest:
                if "py" in op.lower():
                    view.see("operator", ops[op], domain=domain, operator=op)


def _is_count(text: str) -> bool:
    return len(text) <= 19 and text.isascii() and text.isdigit()


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules about external files, operators and structure."""
    for one in view.all("onnx.malformed"):
        yield Hit("ONNX-MALFORMED", view.member, one.at, words=one.data)
    for one in view.all("onnx.external"):
        yield from _judge_external(view, one.at, one.data, context)
    for one in view.all("onnx.domain"):
        domain = str(one.data["domain"])
        if one.data["count"] and not _is_standard(domain, context):
            known = domain in context.rules.names("onnx", "vendor_domains")
            rule = "ONNX-DOMAIN-VENDOR" if known else "ONNX-DOMAIN-CUSTOM"
            yield Hit(rule, view.member, one.at, words={"domain": domain, "operators": ", ".join(one.data["operators"][:8])})
    for one in view.all("onnx.operator"):
        if str(one.data["operator"]).lower() in context.rules.names("onnx", "python_operators"):
            yield Hit("ONNX-OPERATOR-PYTHON", view.member, one.at, callable=str(one.data["operator"]), words=one.data)


def _is_standard(domain: str, context: Context) -> bool:
    return domain in context.rules.names("onnx", "domains")


def _judge_external(view: View, at: int | None, data: Any, context: Context) -> Iterator[Hit]:
    location = str(data["location"])
    where = reach(location)
    words = {"location": location, "where": where, "tensor": data["tensor"]}
    if location in context.rules.names("onnx", "memory_locations"):
        yield Hit("ONNX-EXTERNAL-MEMORY", view.member, at, words=words)
    elif where != INSIDE:
        yield Hit("ONNX-EXTERNAL-OUTSIDE", view.member, at, words=words)
    elif not location.strip():
        yield Hit("ONNX-EXTERNAL-NAMELESS", view.member, at, words=words)
    if data["odd"]:
        yield Hit("ONNX-EXTERNAL-RANGE", view.member, at, words=words | {"range": data["odd"]})


FORMATS = (Format("onnx", True, judge, claims, observe, PROBE_OPERATIONS),)
