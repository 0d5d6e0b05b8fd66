"""Model graphs: TensorFlow, TensorFlow Lite and PaddlePaddle, with their benign twins."""

from __future__ import annotations

import json
import struct

from tests.samples.base import Family, Sample
from tests.samples.graphs import LAMBDA, OLD_LAMBDA, model
from tests.samples.wire import field


def tf_node(name: str, op: str, *inputs: str, text: str | None = None) -> bytes:
    """Return a NodeDef; text makes its `value` a constant."""
    attribute = field(5, field(1, "value") + field(2, field(8, field(8, text)))) if text is not None else b""
    return field(1, name) + field(2, op) + b"".join(field(3, one) for one in inputs) + attribute


def graph(*nodes: bytes, library: tuple[bytes, ...] = ()) -> bytes:
    """Return a GraphDef with nodes, and with a function of other nodes."""
    body = field(1, field(1, field(1, "inner")) + b"".join(field(3, one) for one in library))
    return b"".join(field(1, one) for one in nodes) + (field(2, body) if library else b"")


def saved(graph_def: bytes, tail: bytes = b"") -> bytes:
    """Return a SavedModel with one graph."""
    return field(1, 1) + field(2, field(1, field(4, "serve")) + field(2, graph_def) + tail)


def _tensorflow() -> dict[str, Family]:
    start = tf_node("x", "Placeholder")
    secret = tf_node("name", "Const", text="/etc/cron.d/hanse-test")
    metadata = field(1, field(2, 1) + field(4, "_tf_keras_layer") + field(5, json.dumps(model(LAMBDA))))
    objects = field(
        7,
        field(
            1,
            field(
                4,
                field(1, "_tf_keras_layer")
                + field(3, json.dumps({"class_name": "Sequential", "config": {"layers": [OLD_LAMBDA]}})),
            ),
        ),
    )
    bad = (
        *(
            Sample(f"{op}/saved_model.pb", saved(graph(start, tf_node("n", op))))
            for op in ("PyFunc", "EagerPyFunc", "ReadFile", "WriteFile", "MatchingFiles", "LoadLibrary")
        ),
        Sample("library/saved_model.pb", saved(graph(start, library=(tf_node("w", "WriteFile"),)))),
        Sample("only_library/saved_model.pb", saved(graph(library=(tf_node("w", "WriteFile"),)))),
        Sample("frozen.pb", graph(start, tf_node("r", "ReadFile"))),
        Sample("model.meta", field(1, field(4, "t")) + field(2, graph(start, tf_node("p", "PyFunc")))),
        Sample("padded.pb", field(1, b"") * 100 + graph(start, tf_node("p", "PyFunc"))),
        Sample("asset/saved_model.pb", saved(graph(start), field(6, field(2, "../../../etc/passwd")))),
        Sample("keras_metadata.pb", metadata),
        Sample("objects/saved_model.pb", saved(graph(start), objects)),
    )
    good = (
        Sample(
            "plain/saved_model.pb", saved(graph(start, tf_node("s", "SaveV2"), tf_node("a", "Assert"), tf_node("p", "PrintV2")))
        ),
        Sample("asset/saved_model.pb", saved(graph(start), field(6, field(2, "vocabulary.txt")))),
        Sample("called/saved_model.pb", saved(graph(start, tf_node("c", "inner"), library=(tf_node("r", "Relu"),)))),
        Sample("custom.pb", graph(start, tf_node("c", "MyOp"))),
        Sample("constant.pb", graph(start, secret, tf_node("i", "Identity", "name"))),
    )
    return {"tensorflow-operators": Family("tensorflow-operators", bad, good, _broken())}


def _broken() -> tuple[Sample, ...]:
    start = tf_node("x", "Placeholder")
    secret = tf_node("name", "Const", text="/etc/cron.d/hanse-test")
    return (
        Sample("cut/saved_model.pb", saved(graph(start, tf_node("m", "MatMul"), tf_node("r", "Relu")))[:-12]),
        Sample("path.pb", graph(start, secret, tf_node("s", "SaveV2", "name:0"))),
    )


class _Flat:
    """A FlatBuffer written front to back."""

    def __init__(self) -> None:
        self.out = bytearray(struct.pack("<I4s", 0, b"TFL3"))

    def put(self, data: bytes) -> int:
        """Add bytes and return their place."""
        self.out.extend(bytes(-len(self.out) % 8))
        self.out.extend(data)
        return len(self.out) - len(data)

    def table(self, *fields: tuple[int, bytes]) -> tuple[int, dict[int, int]]:
        """Add a table; return its place and those of its fields."""
        count = max((number for number, _ in fields), default=-1) + 1
        body, places = bytearray(4), {}
        for number, data in fields:
            body.extend(bytes(-len(body) % max(len(data), 1)))
            places[number] = len(body)
            body.extend(data)
        offsets = b"".join(struct.pack("<H", places.get(number, 0)) for number in range(count))
        vtable = self.put(struct.pack("<HH", 4 + 2 * count, len(body)) + offsets)
        at = self.put(bytes(body))
        struct.pack_into("<i", self.out, at, at - vtable)
        return at, {number: at + place for number, place in places.items()}

    def point(self, place: int, to: int) -> None:
        """Let the offset at a place lead somewhere."""
        struct.pack_into("<I", self.out, place, to - place)


def tflite(custom: str | None, options: bytes = b"", buffer_end: int = 4) -> bytes:
    """Return a model with one operator: a custom one of that name, or a built-in one; forward offsets, parts in order."""
    flat = _Flat()
    put, table, point = flat.put, flat.table, flat.point
    empty = bytes(4)
    root, fields = table((0, struct.pack("<I", 3)), (1, empty), (2, empty), (4, empty))
    point(0, root)
    tables: dict[int, dict[int, int]] = {}
    code = (0, b"\x20"), (1, empty), (3, struct.pack("<I", 32))
    shapes = {1: code if custom else ((0, b"\0"),), 2: ((0, empty), (3, empty)), 4: ((0, empty),)}
    for number, shape in shapes.items():
        vector = put(struct.pack("<II", 1, 0))
        point(fields[number], vector)
        at, tables[number] = table(*shape)
        point(vector + 4, at)
    if custom:
        point(tables[1][1], put(struct.pack("<I", len(custom)) + custom.encode() + b"\0"))
    for number, shape in ((0, ((2, empty),)), (3, ((0, empty), (5, empty)))):
        vector = put(struct.pack("<II", 1, 0))
        point(tables[2][number], vector)
        at, inner = table(*shape)
        point(vector + 4, at)
        if number == 3:
            point(inner[5], put(struct.pack("<I", len(options)) + options))
    point(tables[4][0], put(struct.pack("<I", buffer_end) + bytes(4)))
    return bytes(flat.out)


def flex(op: str) -> bytes:
    """Return the options of a Flex operator: a FlexBuffer vector of its name and its NodeDef."""
    definition = tf_node("n", op)
    body = bytes([len(op)]) + op.encode() + b"\0" + bytes([len(definition)]) + definition + b"\0"
    start = len(body) + 1
    first, second = 1, len(op) + 3
    vector = bytes([2, start - first, start + 1 - second, 5 << 2, 5 << 2])
    return body + vector + bytes([len(body) + len(vector) - start, 10 << 2, 1])


def _tflite() -> dict[str, Family]:
    bad = (
        Sample("read.tflite", tflite("FlexReadFile", flex("ReadFile"))),
        Sample("hidden.tflite", tflite("FlexAdd", flex("PyFunc"))),
    )
    good = (
        Sample("plain.tflite", tflite(None)),
        Sample("flex.tflite", tflite("FlexAddV2", flex("AddV2"))),
        Sample("custom.tflite", tflite("MyOp")),
    )
    broken = (Sample("buffer.tflite", tflite(None, buffer_end=1 << 30)), Sample("cut.tflite", tflite(None)[:100]))
    return {"tflite-operators": Family("tflite-operators", bad, good, broken)}


def program(*ops: bytes) -> bytes:
    """Return a PaddlePaddle program with one block."""
    return field(1, field(1, 0) + field(2, 1) + b"".join(field(4, one) for one in ops)) + field(4, field(1, 0))


def paddle_op(kind: str, path: str | None = None) -> bytes:
    """Return an operator; path: its `file_path`."""
    attribute = field(4, field(1, "file_path") + field(2, 2) + field(5, path)) if path is not None else b""
    return field(1, field(1, "X") + field(2, "x")) + field(3, kind) + attribute


def _paddle() -> dict[str, Family]:
    feed = paddle_op("feed")
    bad = (
        Sample("python.pdmodel", program(feed, paddle_op("py_func"))),
        Sample("save.pdmodel", program(feed, paddle_op("save_combine", "/etc/cron.d/hanse-test"))),
    )
    good = (
        Sample("plain.pdmodel", program(feed, paddle_op("matmul_v2"))),
        Sample("load.pdmodel", program(feed, paddle_op("load", "w"))),
    )
    broken = (Sample("cut.pdmodel", program(feed, paddle_op("matmul_v2"))[:-10]),)
    return {"paddle-operators": Family("paddle-operators", bad, good, broken)}


FAMILIES = {**_tensorflow(), **_tflite(), **_paddle()}
