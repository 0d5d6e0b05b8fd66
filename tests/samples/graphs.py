"""Model graphs: Keras, HDF5, skops and ONNX, with their benign twins."""

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
    return {
        "keras-code": Family("keras-code", shallow, plain),
        "keras-functions": Family("keras-functions", denied, plain[:1]),
        "keras-files": _keras_files(),
    }


def _keras_files() -> Family:
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
    return Family("keras-files", files, beside)


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


FAMILIES = {**_keras(), **_hdf5(), **_skops(), **_onnx()}
