"""Formats that models are exchanged in: ONNX, Keras, HDF5, safetensors, GGUF, skops."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.scan_libs.made import Made, first, last


def _onnx() -> Iterator[Made]:
    onnx = import_module("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    weights = helper.make_tensor("w", kinds.FLOAT, [4, 2], [0.5] * 8)
    source = helper.make_tensor_value_info("x", kinds.FLOAT, [1, 4])
    target = helper.make_tensor_value_info("y", kinds.FLOAT, [1, 2])
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
    model = helper.make_model(helper.make_graph(nodes, "g", [source], [target], [weights]))
    yield "onnx/mlp.onnx", lambda path: onnx.save(model, path)
    yield (
        "onnx/mlp-text.onnx",
        lambda path: path.write_bytes(onnx.version_converter.convert_version(model, 18).SerializeToString()),
    )


def _keras() -> Iterator[Made]:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = import_module("keras")
    layers = keras.layers
    dense = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dropout(0.1), layers.Dense(1)])
    image = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(2, 3), layers.BatchNormalization(), layers.GlobalAveragePooling2D()]
    )
    entry = keras.Input((6,))
    recurrent = keras.Model(entry, layers.LSTM(3)(layers.Embedding(10, 4)(entry)))
    dense.compile(optimizer="adam", loss="mse", metrics=["mae"])
    for name, model in {"dense": dense, "image": image, "recurrent": recurrent}.items():
        yield f"keras/{name}.keras", first(model.save)
        yield f"keras/{name}.h5", first(model.save)
        yield f"keras/{name}.weights.h5", first(model.save_weights)


def _hdf5() -> Iterator[Made]:
    h5py = import_module("h5py")
    numpy = import_module("numpy")

    def write(path: Path, **options: Any) -> None:
        with h5py.File(path, "w") as file:
            file.create_dataset("weights/kernel", data=numpy.ones((10, 10)), **options)
            file.attrs["backend"] = "hanse"

    yield "hdf5/plain.h5", write
    yield "hdf5/chunked.h5", lambda path: write(path, chunks=(5, 5), compression="gzip", shuffle=True)
    yield "hdf5/lzf.hdf5", lambda path: write(path, compression="lzf")


def _tensors() -> Iterator[Made]:
    numpy = import_module("numpy")
    save = import_module("safetensors.numpy").save_file
    kinds = ("float16", "float32", "float64", "int8", "int64", "bool")
    yield "safetensors/all.safetensors", lambda path: save({kind: numpy.zeros((2, 3), dtype=kind) for kind in kinds}, path)
    yield "safetensors/said.safetensors", lambda path: save({"w": numpy.zeros(4)}, path, metadata={"format": "pt"})
    yield "safetensors/empty.safetensors", lambda path: save({}, path)


def _gguf() -> Iterator[Made]:
    gguf = import_module("gguf")
    numpy = import_module("numpy")

    def write(path: Path) -> None:
        writer = gguf.GGUFWriter(str(path), "llama")
        writer.add_block_count(1)
        writer.add_context_length(32)
        writer.add_tokenizer_model("llama")
        writer.add_token_list(["<s>", "a", "b"])
        writer.add_chat_template("{% for message in messages %}{{ message['content'] }}{% endfor %}")
        writer.add_tensor("token_embd.weight", numpy.zeros((3, 32), dtype="float32"))
        writer.add_tensor("output.weight", numpy.zeros((3, 32), dtype="float16"))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    yield "gguf/tiny.gguf", write


def _skops() -> Iterator[Made]:
    io = import_module("skops.io")
    linear = import_module("sklearn.linear_model")
    forest = import_module("sklearn.ensemble").RandomForestClassifier(3)
    values = import_module("numpy").random.RandomState(0).rand(20, 3)
    for name, one in {"logistic": linear.LogisticRegression(), "forest": forest}.items():
        yield f"skops/{name}.skops", last(io.dump, one.fit(values, values[:, 0] > 0.5))


def files() -> Iterator[Made]:
    """Yield the files of the libraries that are installed."""
    makers: tuple[Callable[[], Iterator[Made]], ...] = (_onnx, _keras, _hdf5, _tensors, _gguf, _skops)
    for make in makers:
        try:
            yield from make()
        except ImportError as error:
            print(f"not installed: {make.__name__}: {error}", flush=True)
