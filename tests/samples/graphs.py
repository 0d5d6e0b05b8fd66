"""Model graphs: Keras, HDF5, skops, ONNX, TensorFlow and TensorFlow Lite, with their benign twins."""

from __future__ import annotations

import base64
import io
import json
import struct
import zipfile
from typing import Any

from tests.samples.base import Family, Sample
from tests.samples.wire import Hdf5, external_link, field, link, text_attribute, variable_attribute

CODE = base64.b64encode(b"\xe3" + bytes(60)).decode()
PICKLE = b"cos\nsystem\n(S'echo hanse-test'\ntR."


def zipped(**members: bytes) -> bytes:
    """Return a zip archive; `__` in a name stands for a full stop."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name.replace("__", ".")), data)
    return out.getvalue()


def layer(name: str, config: Any, module: str | None = "keras.layers", **more: Any) -> dict[str, Any]:
    """Return a serialised Keras object."""
    return {"module": module, "class_name": name, "config": config, "registered_name": None, **more}


def model(*layers: Any) -> dict[str, Any]:
    """Return the configuration of a sequential model."""
    first = layer("InputLayer", {"batch_shape": [None, 2], "dtype": "float32", "name": "i"})
    return layer("Sequential", {"name": "s", "layers": [first, *layers]}, "keras")


def archive(*layers: Any) -> bytes:
    """Return a .keras file."""
    metadata = json.dumps({"keras_version": "3.9.0", "date_saved": "2025-01-01@00:00:00"}).encode()
    weights = Hdf5()
    return zipped(
        config__json=json.dumps(model(*layers)).encode(),
        metadata__json=metadata,
        model__weights__h5=weights.done(weights.header()),
    )


def function(name: str, module: str = "builtins") -> dict[str, Any]:
    """Return a serialised function."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def h5(config: Any) -> bytes:
    """Return an HDF5 model file with a configuration in its attribute."""
    file = Hdf5()
    text = json.dumps(config).encode()
    return file.done(file.header(variable_attribute(b"model_config", text, file.global_heap(text))))


LAMBDA = layer("Lambda", {"name": "l", "function": {"class_name": "__lambda__", "config": {"code": CODE, "defaults": None}}})
OLD_LAMBDA = {"class_name": "Lambda", "config": {"name": "l", "function": [CODE, None, None], "function_type": "lambda"}}
DENSE = layer(
    "Dense",
    {"name": "d", "units": 2, "activation": "relu", "kernel_initializer": layer("GlorotUniform", {}, "keras.initializers")},
)
OLD_DENSE = {"class_name": "Dense", "config": {"name": "d", "units": 2, "activation": "relu"}}
GET_FILE = layer(
    "Lambda", {"name": "l", "function": function("get_file", "keras.utils"), "arguments": {"origin": "http://127.0.0.1:9/x"}}
)


def _keras() -> dict[str, Family]:
    shallow = (
        Sample("flat.keras", archive(LAMBDA)),
        Sample("nested.keras", archive(model(model(LAMBDA)))),
        Sample("wrapped.keras", archive(layer("TimeDistributed", {"name": "t", "layer": LAMBDA}))),
        Sample("lambda.h5", h5({"class_name": "Sequential", "config": {"layers": [OLD_LAMBDA]}})),
        Sample(
            "text.h5",
            h5({"class_name": "Sequential", "config": {"layers": [layer("Lambda", {"function": "lambda x: eval('1')"})]}}),
        ),
        Sample("architecture.json", json.dumps(model(LAMBDA)).encode()),
    )
    plain = (
        Sample("dense.keras", archive(DENSE)),
        Sample("dense.h5", h5({"class_name": "Sequential", "config": {"name": "s", "layers": [OLD_DENSE]}})),
        Sample("named.keras", archive(layer("Lambda", {"name": "l", "function": function("relu", "keras.ops")}))),
        Sample("custom.keras", archive(layer("MyLayer", {}, "my_package.layers", registered_name="my_package>MyLayer"))),
        Sample("loss.keras", archive(layer("Dense", {"units": 1, "activation": function("my_activation", "my_package")}))),
    )
    denied = (
        Sample("exec.keras", archive(function("exec"))),
        Sample("popen.keras", archive(layer("Popen", {"args": ["echo", "hanse-test"]}, "subprocess"))),
        Sample("get_file.keras", archive(GET_FILE)),
        Sample("unsafe.keras", archive(function("enable_unsafe_deserialization", "keras.config"))),
        Sample("internal.keras", archive(function("get_file", "keras.src.utils.file_utils"))),
        Sample("load.keras", archive(layer("Dense", {"activation": function("load_model", "keras.models")}))),
        Sample("numpy.keras", archive(layer("Dense", {"activation": function("load", "numpy")}))),
    )
    packed = base64.b64encode(PICKLE).decode()
    files = (
        Sample("vocabulary.keras", archive(layer("StringLookup", {"name": "l", "vocabulary": "/etc/passwd"}))),
        Sample("address.keras", archive(layer("TextVectorization", {"vocabulary": "https://127.0.0.1:9/x"}))),
        Sample("parent.h5", h5(model(layer("IntegerLookup", {"vocabulary": "../../secret.txt"})))),
        Sample("torch.keras", archive(layer("TorchModuleWrapper", {"name": "w", "module": packed}))),
    )
    beside = (
        Sample("beside.keras", archive(layer("StringLookup", {"name": "l", "vocabulary": "vocabulary.txt"}))),
        Sample("inside.keras", archive(layer("StringLookup", {"name": "l", "vocabulary": ["/etc", "a"]}))),
    )
    return {
        "keras-code": Family("keras-code", shallow, plain),
        "keras-functions": Family("keras-functions", denied, plain[:1]),
        "keras-files": Family("keras-files", files, beside),
    }


def _storage(name: bytes) -> bytes:
    file = Hdf5()
    heap, places = file.local_heap(name)
    body = struct.pack("<B3xHHQQQQ", 1, 1, 1, heap, places[0], 0, 4)
    data_set = file.header((0x07, body))
    return file.done(file.header(link(b"weight", data_set)))


def _virtual(name: bytes) -> bytes:
    file = Hdf5()
    everything = struct.pack("<II8x", 3, 1)
    heap = file.global_heap(struct.pack("<BQ", 0, 1) + name + b"\0x\0" + everything * 2 + bytes(4))
    return file.done(file.header(link(b"weight", file.header((0x08, struct.pack("<BBQI", 4, 3, heap, 1))))))


def linked(target: bytes) -> bytes:
    """Return an HDF5 file with an external link two groups deep."""
    file = Hdf5()
    inner = file.header(external_link(b"weight", target))
    return file.done(file.classic_header(file.old_group({b"layer": inner})))


def _filtered(number: int) -> bytes:
    file = Hdf5()
    body = struct.pack("<BBHHHH", 2, 1, number, 4, 0, 0) + b"name"
    return file.done(file.header(link(b"weight", file.header((0x0B, body)))))


def _cyclic(user_block: int = 0) -> bytes:
    file = Hdf5(user_block)
    return file.done(file.header(link(b"self", 48), text_attribute(b"title", b"the root is the first thing in the file, at 48")))


def _endless_tree() -> bytes:
    file = Hdf5()
    heap, _ = file.local_heap(b"a")
    tree = file.put(b"")
    file.put(b"TREE" + struct.pack("<BBHqqQQQ", 0, 1, 1, -1, -1, 0, tree, 0))
    return file.done(file.classic_header((0x11, struct.pack("<QQ", tree, heap))))


def _hdf5() -> dict[str, Family]:
    away = (
        Sample("link.h5", linked(b"/etc/other.h5")),
        Sample("parent.h5", linked(b"../other.h5")),
        Sample("storage.h5", _storage(b"/etc/passwd")),
        Sample("virtual.h5", _virtual(b"/etc/other.h5")),
    )
    plain = (
        Sample("cycle.h5", _cyclic()),
        Sample("block.h5", _cyclic(512)),
        Sample("virtual.h5", _virtual(b".")),
        Sample("parts.h5", _virtual(b"part-%b.h5")),
        Sample("filter.h5", _filtered(32015)),
        Sample("unknown_filter.h5", _filtered(31337)),
    )
    broken = (
        Sample("cut.h5", linked(b"x.h5")[:-20]),
        Sample("root.h5", Hdf5().done(9999)),
        Sample("tree.h5", _endless_tree()),
        Sample("beside.h5", linked(b"other.h5")),
    )
    return {"hdf5-outside": Family("hdf5-outside", away, plain, broken)}


def node(name: str, module: str, loader: str, **more: Any) -> dict[str, Any]:
    """Return a node of a skops schema."""
    return {"__class__": name, "__module__": module, "__loader__": loader, **more}


def skops(root: dict[str, Any]) -> bytes:
    """Return a skops file."""
    return zipped(schema__json=json.dumps({**root, "protocol": 2, "_skops_version": "0.13"}).encode())


def estimator(**attributes: Any) -> dict[str, Any]:
    """Return the schema of an estimator with attributes."""
    content = node("dict", "builtins", "DictNode", content=attributes)
    return node("LogisticRegression", "sklearn.linear_model._logistic", "ObjectNode", content=content)


def _skops() -> dict[str, Family]:
    plain = node("str", "builtins", "JsonNode", content="1.0", is_json=True)
    nothing = node("tuple", "builtins", "TupleNode", content=[])
    reaching = node(
        "LogisticRegression", "sklearn.linear_model._logistic", "MethodNode", content={"obj": estimator(), "func": "__init__"}
    )
    lying = node("Normalizer", "sklearn.preprocessing._data", "MethodNode", content={"obj": estimator(), "func": "fit"})
    bad = (
        Sample("eval.skops", skops(node("eval", "builtins", "TypeNode"))),
        Sample("nested.skops", skops(estimator(a=node("system", "os", "FunctionNode", content={})))),
        Sample("caller.skops", skops(node("methodcaller", "operator", "OperatorFuncNode", attrs=nothing))),
        Sample(
            "lying.skops", skops(node("LogisticRegression", "sklearn.linear_model._logistic", "OperatorFuncNode", attrs=nothing))
        ),
        Sample("reach.skops", skops(estimator(a=reaching))),
        Sample("other.skops", skops(estimator(a=lying))),
        Sample("load.skops", skops(estimator(a=node("load", "numpy", "FunctionNode", content={})))),
    )
    good = (
        Sample("plain.skops", skops(estimator(c=plain))),
        Sample("function.skops", skops(estimator(f=node("log1p", "numpy", "FunctionNode", content={})))),
        Sample("custom.skops", skops(estimator(t=node("MyTransformer", "my_package", "ObjectNode", content={})))),
        Sample("getter.skops", skops(estimator(g=node("itemgetter", "operator", "OperatorFuncNode", attrs=nothing)))),
    )
    return {"skops-types": Family("skops-types", bad, good)}


def operator(name: str, domain: str = "", *attributes: bytes) -> bytes:
    """Return an ONNX node."""
    return field(1, "X") + field(2, "Y") + field(4, name) + b"".join(field(5, one) for one in attributes) + field(7, domain)


def tensor(location: str, **more: str) -> bytes:
    """Return an ONNX tensor with external data."""
    entries = {"location": location, **more}
    return (
        field(1, 4)
        + field(2, 1)
        + field(8, "w")
        + b"".join(field(13, field(1, k) + field(2, v)) for k, v in entries.items())
        + field(14, 1)
    )


def onnx(*parts: bytes, tail: bytes = b"") -> bytes:
    """Return an ONNX model whose graph has these fields."""
    return field(1, 8) + field(2, "hanse-test") + field(7, b"".join(parts) + field(2, "g")) + field(8, field(2, 17)) + tail


RELU = field(1, operator("Relu"))


def _onnx() -> dict[str, Family]:
    outside = [
        RELU + field(5, tensor(name))
        for name in ("../../etc/passwd", "/etc/passwd", "a/../../x", "..\\..\\x", "C:\\x", "file:///etc/passwd")
    ]
    constant = operator("Constant", "", field(1, "value") + field(5, tensor("../x")))
    branch = operator("If", "", field(1, "then_branch") + field(6, field(1, constant)))
    away = (
        *(Sample(f"outside{number}.onnx", onnx(part)) for number, part in enumerate(outside)),
        Sample("attribute.onnx", onnx(RELU, field(1, constant))),
        Sample("branch.onnx", onnx(RELU, field(1, branch))),
        Sample("function.onnx", onnx(RELU, tail=field(25, field(1, "f") + field(7, constant)))),
        Sample("sparse.onnx", onnx(RELU, field(15, field(1, tensor("../x"))))),
        Sample("memory.onnx", onnx(RELU, field(5, tensor("*/_ORT_MEM_ADDR_/*", offset="4096", length="16")))),
        Sample("padded.onnx", b"".join(field(6, "") for _ in range(3000)) + onnx(RELU + field(5, tensor("/etc/passwd")))),
    )
    own = field(25, field(1, "Mine") + field(7, operator("Relu")) + field(10, "local"))
    plain = (
        Sample("relu.onnx", onnx(RELU)),
        Sample("beside.onnx", onnx(RELU, field(5, tensor("model.onnx_data", offset="0", length="16")))),
        Sample("folder.onnx", onnx(RELU, field(5, tensor("weights/w.bin")))),
        Sample("microsoft.onnx", onnx(RELU, field(1, operator("Gelu", "com.microsoft")))),
        Sample("local.onnx", onnx(RELU, field(1, operator("Mine", "local")), tail=own)),
        Sample("custom.onnx", onnx(RELU, field(1, operator("Secret", "my.company")))),
    )
    broken = (
        Sample("cut.onnx", onnx(RELU, field(5, field(9, bytes(100))))[:-60]),
        Sample("range.onnx", onnx(RELU, field(5, tensor("w.bin", offset="-4096")))),
        Sample("nameless.onnx", onnx(RELU, field(5, tensor("")))),
    )
    python = (Sample("pyop.onnx", onnx(field(1, operator("PyOp", "ai.onnx.contrib")))),)
    return {
        "onnx-external": Family("onnx-external", away, plain, broken),
        "onnx-python": Family("onnx-python", python, plain[:1]),
    }


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
    broken = (
        Sample("cut/saved_model.pb", saved(graph(start, tf_node("m", "MatMul"), tf_node("r", "Relu")))[:-12]),
        Sample("path.pb", graph(start, secret, tf_node("s", "SaveV2", "name:0"))),
    )
    return {"tensorflow-operators": Family("tensorflow-operators", bad, good, broken)}


def tflite(custom: str | None, options: bytes = b"", buffer_end: int = 4) -> bytes:
    """Return a model with one operator: a custom one of that name, or a built-in one; forward offsets, parts in order."""
    out = bytearray(struct.pack("<I4s", 0, b"TFL3"))

    def put(data: bytes) -> int:
        out.extend(bytes(-len(out) % 8))
        out.extend(data)
        return len(out) - len(data)

    def table(*fields: tuple[int, bytes]) -> tuple[int, dict[int, int]]:
        count = max((number for number, _ in fields), default=-1) + 1
        body, places = bytearray(4), {}
        for number, data in fields:
            body.extend(bytes(-len(body) % max(len(data), 1)))
            places[number] = len(body)
            body.extend(data)
        offsets = b"".join(struct.pack("<H", places.get(number, 0)) for number in range(count))
        vtable = put(struct.pack("<HH", 4 + 2 * count, len(body)) + offsets)
        at = put(bytes(body))
        struct.pack_into("<i", out, at, at - vtable)
        return at, {number: at + place for number, place in places.items()}

    def point(place: int, to: int) -> None:
        struct.pack_into("<I", out, place, to - place)

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
    return bytes(out)


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


FAMILIES = {**_keras(), **_hdf5(), **_skops(), **_onnx(), **_tensorflow(), **_tflite()}
