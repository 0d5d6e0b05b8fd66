"""PyTorch: state dicts, whole modules, tensors of every kind, TorchScript, in the zip and the legacy container."""

from __future__ import annotations

import argparse
import collections
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from tests.scan_libs.made import Made, Writer, pickled


def _modules() -> dict[str, Any]:
    nn = import_module("torch").nn
    block = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    return {
        "mlp": nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 2)),
        "conv": nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "conv1d": nn.Sequential(nn.Conv1d(3, 4, 3), nn.GroupNorm(2, 4), nn.GELU(), nn.MaxPool1d(2)),
        "lstm": nn.LSTM(4, 8, num_layers=2, bidirectional=True),
        "gru": nn.GRU(4, 8),
        "embedding": nn.ModuleDict({"words": nn.Embedding(20, 4, padding_idx=0), "bag": nn.EmbeddingBag(10, 3)}),
        "encoder": nn.TransformerEncoder(block, 2),
        "attention": nn.MultiheadAttention(16, 4),
        "norms": nn.ModuleList([nn.LayerNorm(4), nn.InstanceNorm1d(4), nn.LocalResponseNorm(2), nn.RMSNorm(4)]),
        "acts": nn.Sequential(nn.Softmax(1), nn.LeakyReLU(), nn.Hardswish(), nn.PReLU(), nn.Mish(), nn.Tanh(), nn.GLU()),
        "losses": nn.ModuleList([nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss(), nn.MSELoss(), nn.TripletMarginLoss()]),
        "upsample": nn.Sequential(nn.ConvTranspose2d(3, 4, 2), nn.Upsample(scale_factor=2), nn.PixelShuffle(2)),
        "weight-norm": nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)),
        "spectral-norm": nn.utils.spectral_norm(nn.Linear(3, 3)),
        "parameters": nn.ParameterDict({"a": nn.Parameter(import_module("torch").ones(2))}),
    }


def _tensors() -> dict[str, Any]:
    torch = import_module("torch")
    kinds = ("float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool", "complex64")
    small = ("float8_e4m3fn", "float8_e5m2", "uint16", "uint32")
    quantized = torch.quantize_per_channel(torch.ones(2, 2), torch.ones(2), torch.zeros(2), 0, torch.qint8)
    base = torch.arange(12.0)
    return {
        **{f"dtype-{kind}": torch.zeros(2, 2, dtype=getattr(torch, kind)) for kind in (*kinds, *small)},
        "quantized": [torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), quantized],
        "sparse": [torch.eye(3).to_sparse(), torch.eye(3).to_sparse_csr()],
        "views": {"base": base, "t": base.view(3, 4).t(), "slice": base[2:5], "expanded": torch.ones(1).expand(3)},
        "parameter": torch.nn.Parameter(torch.ones(2), requires_grad=True),
        "buffer": torch.nn.Buffer(torch.ones(2)),
        "meta": torch.empty(3, device="meta"),
        "conj": [torch.ones(2, dtype=torch.complex64).conj(), torch.ones(2, dtype=torch.complex64).conj().imag],
        "storage": [torch.ones(2).untyped_storage(), torch.ones(2).storage()],
        "values": [torch.float16, torch.device("cpu"), torch.Size([1, 2]), torch.strided],
        "info": {"shape": torch.ones(2, 3).shape, "generator": torch.get_rng_state(), "finfo": str(torch.finfo(torch.float32))},
        "nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        "ordered": collections.OrderedDict(a=torch.ones(1)),
        "mixed": {"epoch": 3, "loss": 0.5, "args": argparse.Namespace(lr=0.1), "w": torch.ones(2), "names": ["a", "b"]},
        "numpy": {"mean": import_module("numpy").ones(3, dtype="f4"), "scalar": import_module("numpy").float64(0.5)},
        "distributions": torch.distributions.Normal(torch.zeros(2), torch.ones(2)),
    }


def _scripted() -> Iterator[Made]:
    for name, module in _modules().items():
        if name in {"mlp", "conv", "conv1d", "lstm", "gru", "acts", "upsample"}:
            yield f"torchscript/{name}.pt", _script(module)
        if name in {"mlp", "conv1d", "acts"}:
            yield f"torchscript/{name}-traced.pt", _trace(module, (1, 3, 8) if name == "conv1d" else (2, 4))


def _script(module: Any) -> Writer:
    return lambda path: import_module("torch").jit.script(module).save(str(path))


def _trace(module: Any, shape: tuple[int, ...]) -> Writer:
    torch = import_module("torch")
    return lambda path: torch.jit.trace(module.eval(), torch.ones(shape)).save(str(path))


def _saved(value: Any, *, legacy: bool = False, protocol: int = 2) -> Writer:
    torch = import_module("torch")
    return lambda path: torch.save(value, path, _use_new_zipfile_serialization=not legacy, pickle_protocol=protocol)


def files() -> Iterator[Made]:
    """Yield the files."""
    torch = import_module("torch")
    prune = import_module("torch.nn.utils.prune")
    for name, module in _modules().items():
        yield f"torch/{name}.pt", _saved(module.state_dict())
        yield f"torch/{name}-legacy.pth", _saved(module.state_dict(), legacy=True)
        yield f"torch/{name}-module.pt", _saved(module)
        yield f"torch/{name}-p4.bin", _saved(module.state_dict(), protocol=4)
        yield f"torch/{name}-module.pkl", pickled(module)
    yield "torch/mlp-module-legacy.pth", _saved(_modules()["mlp"], legacy=True)
    for name, value in _tensors().items():
        yield f"torch/t-{name}.pt", _saved(value)
        yield f"torch/t-{name}.pkl", pickled(value)
        yield f"torch/t-{name}-legacy.bin", _saved(value, legacy=True)
    yield (
        "torch/dynamic-quantized.pt",
        _saved(torch.ao.quantization.quantize_dynamic(_modules()["mlp"], {torch.nn.Linear}).state_dict()),
    )
    yield "torch/pruned.pt", _saved(prune.l1_unstructured(torch.nn.Linear(4, 4), "weight", 0.5).state_dict())
    yield "torch/exported.pt2", lambda path: torch.export.save(torch.export.export(_modules()["mlp"], (torch.ones(2, 4),)), path)
    yield from _scripted()
