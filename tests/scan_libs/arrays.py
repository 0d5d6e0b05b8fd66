"""NumPy, SciPy and plain Python values as they lie beside models: arrays, generators, records, dates, containers."""

from __future__ import annotations

import argparse
import collections
import datetime as dt
import decimal
import enum
import fractions
import functools
import operator
import pathlib
import random
import re
import types
import uuid
import zoneinfo
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from tests.scan_libs.made import Made, first, last, pickled


def _arrays() -> dict[str, Any]:
    np = import_module("numpy")
    record = np.zeros(3, dtype=[("a", "<f4"), ("b", "<i8"), ("c", "S4")])
    return {
        "f4": np.arange(6, dtype="f4").reshape(2, 3),
        "f8-fortran": np.asfortranarray(np.eye(4)),
        "bool": np.array([True, False]),
        "complex": np.array([1 + 2j]),
        "unicode": np.array(["a", "bcd"]),
        "bytes": np.array([b"a", b"bcd"]),
        "dates": np.array(["2020-01-01"], dtype="M8[ns]"),
        "record": record,
        "empty": np.zeros((0, 3)),
        "object": np.array([1, "a", None, {"k": [1, 2]}], dtype=object),
        "big-endian": np.arange(4, dtype=">i4"),
    }


def _numpy_values() -> dict[str, Any]:
    np = import_module("numpy")
    generators = {name: np.random.Generator(getattr(np.random, name)(5)) for name in ("PCG64", "Philox", "SFC64", "MT19937")}
    masked = np.ma.array([1.0, 2.0], mask=[0, 1])
    return {
        **generators,
        "random-state": np.random.RandomState(3),
        "legacy-state": np.random.get_state(),
        "seed-sequence": np.random.SeedSequence(42),
        "masked": masked,
        "masked-constant": np.ma.masked,
        "matrix": np.matrix([[1, 2]]),
        "recarray": np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]),
        "scalars": [np.float32(1.5), np.int64(2), np.bool_(True), np.datetime64("2020-01-01"), np.str_("x"), np.complex64(1)],
        "dtypes": [
            np.dtype("f4"),
            np.dtype([("a", "i4", (2,))]),
            np.dtype("M8[us]"),
            np.dtypes.StringDType(),
            np.float64,
            np.int8,
        ],
        "ufuncs": [np.add, np.log1p, np.maximum, np.mean, np.linalg.norm],
        "memmap-like": np.arange(3).view(np.ndarray),
        "poly": [np.poly1d([1, 2]), np.polynomial.Polynomial([1, 2]), np.polynomial.Chebyshev([1])],
        "slices": [slice(1, 2), range(3), np.s_[1:2, ...], Ellipsis, NotImplemented],
        "vectorized": np.errstate(all="ignore"),
        "big": np.zeros(100_000, dtype="f4"),
    }


def _scipy_values() -> dict[str, Any]:
    np = import_module("numpy")
    sparse = import_module("scipy.sparse")
    matrices = {
        f"sparse-{kind}": sparse.random(5, 5, 0.5, format=kind) for kind in ("csr", "csc", "coo", "lil", "dok", "bsr", "dia")
    }
    interpolate = import_module("scipy.interpolate")
    stats = import_module("scipy.stats")
    x = np.arange(6.0)
    return {
        **matrices,
        "csr-array": sparse.csr_array(np.eye(3)),
        "ckdtree": import_module("scipy.spatial").cKDTree(np.random.RandomState(0).rand(20, 3)),
        "kdtree": import_module("scipy.spatial").KDTree(np.random.RandomState(0).rand(20, 3)),
        "rotation": import_module("scipy.spatial.transform").Rotation.from_euler("z", 1.0),
        "interp1d": interpolate.interp1d(x, x**2),
        "spline": interpolate.UnivariateSpline(x, x**2),
        "cubic": interpolate.CubicSpline(x, x**2),
        "bspline": interpolate.make_interp_spline(x, x**2),
        "rbf": interpolate.RBFInterpolator(x[:, None], x),
        "frozen": stats.norm(0, 1),
        "kde": stats.gaussian_kde(x),
        "ecdf": stats.ecdf(x),
        "result": import_module("scipy.optimize").minimize(lambda v: float(v @ v), [1.0, 1.0]),
        "lti": import_module("scipy.signal").lti([1.0], [1.0, 1.0]),
    }


class Colour(enum.Enum):
    """An enumeration of the program's own."""

    RED = 1
    BLUE = "blue"


class Bits(enum.Flag):
    """Flags of the program's own."""

    A = 1
    B = 2


Point = collections.namedtuple("Point", "x y")  # noqa: PYI024 - the plain form is what files hold


def _deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def _python_values() -> dict[str, Any]:
    zone = zoneinfo.ZoneInfo("UTC")
    return {
        "containers": [
            collections.OrderedDict(a=1),
            collections.Counter("ab"),
            collections.deque([1], 5),
            {1, 2},
            frozenset({1}),
        ],
        "defaultdicts": [collections.defaultdict(list, a=[1]), collections.defaultdict(int), collections.defaultdict(dict)],
        "chainmap": [collections.ChainMap({"a": 1}), collections.UserDict(a=1), collections.UserList([1])],
        "dates": [
            dt.datetime(2020, 1, 1),  # noqa: DTZ001 - files hold such dates, too
            dt.date(2020, 1, 1),
            dt.time(1),
            dt.timedelta(1),
        ],
        "zones": [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 1, tzinfo=zone), zone],
        "numbers": [decimal.Decimal("1.5"), fractions.Fraction(1, 3), 1 + 2j, 10**50, True, float("inf")],
        "ids": [
            uuid.UUID(int=5),
            pathlib.PurePosixPath("a/b"),
            pathlib.PureWindowsPath("a"),
            pathlib.PosixPath("data/train.csv"),
        ],
        "namespaces": [argparse.Namespace(lr=0.1), types.SimpleNamespace(a=1)],
        "enums": [Colour.RED, Colour.BLUE, Bits.A, Bits.A | Bits.B, Point(1, 2)],
        "patterns": [re.compile(r"(?u)\b\w\w+\b"), re.compile(b"a")],
        "partial": [functools.partial(max, 1), operator.itemgetter(1, 2), operator.attrgetter("a"), operator.itemgetter("k")],
        "random": [random.Random(3), random.getstate()],
        "bytes": [b"abc", bytearray(b"abc"), b"\x00" * 300],
        "errors": [ValueError("x"), KeyError("k"), StopIteration()],
        "types": [int, str, list, dict, type(None), object, float, len, print],
        "mapping-proxy": [dict.fromkeys("abc"), {}.keys.__name__],
        "numbers-of-numbers": {index: [index, float(index), str(index)] for index in range(2_000)},
        "deep": _deep(100),
    }


def files() -> Iterator[Made]:
    """Yield the files."""
    np = import_module("numpy")
    joblib = import_module("joblib")
    arrays = _arrays()
    for name, array in arrays.items():
        yield f"numpy/{name}.npy", first(np.save, array)
    yield "numpy/plain.npz", lambda path: np.savez(path, **{name: value for name, value in arrays.items() if name != "object"})
    yield "numpy/compressed.npz", lambda path: np.savez_compressed(path, f4=arrays["f4"], text=arrays["unicode"])
    yield "numpy/objects.npz", lambda path: np.savez(path, object=arrays["object"])
    sets: dict[str, Callable[[], dict[str, Any]]] = {
        "numpy": _numpy_values,
        "arrays": _arrays,
        "scipy": _scipy_values,
        "python": _python_values,
    }
    for group, make in sets.items():
        for number, (name, value) in enumerate(make().items()):
            for protocol in (2, 4) if group != "python" else (0, 2, 3, 5):
                yield f"{group}/{name}-p{protocol}.pkl", pickled(value, protocol)
            if group != "python" and number % 2:
                yield f"{group}/{name}.joblib", last(joblib.dump, value, compress=3)
