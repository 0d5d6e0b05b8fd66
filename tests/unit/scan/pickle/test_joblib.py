"""Arrays that joblib writes between opcodes."""

from __future__ import annotations

import pytest
from tests.samples.pickle import SYSTEM, called, imported, joblib_array, stream, text
from tests.support.pickles import calls, ending, seen

from hanse.scan.pickle.joblib import item_size


@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        ("f8", 8),
        ("<f4", 4),
        ("|b1", 1),
        ("?", 1),
        ("d", 8),
        ("U5", 20),
        ("S5", 5),
        ("V16@99", 16),
        ("M8[ns]", 8),
        ("O8", 0),
        ("x", -1),
        ("", -1),
    ],
)
def test_item_sizes(dtype: str, size: int) -> None:
    """A dtype has a size, objects have none, what is unknown is not guessed."""
    assert item_size(dtype) == size


def test_array_bytes_are_no_opcodes() -> None:
    """A payload behind an array is found, and bytes of the array are not taken for opcodes."""
    data = stream(b"}(" + text("a") + joblib_array(b"\xff." * 50) + text("b") + SYSTEM + b"u", 4)
    assert calls(data)[-1] == "posix system"
    assert ending(data) == "stop"
    assert seen(data, "joblib")[0]["dtype"] == "u1"


def test_arrays_of_objects_are_pickles() -> None:
    """An array of objects is a stream of its own in the middle of the other."""
    data = stream(b"](" + joblib_array(stream(SYSTEM), "O8", padding=False) + text("b") + b"e", 4)
    assert "posix system" in calls(data)
    assert ending(data) == "stop"


def test_unknown_dtypes_end_the_stream() -> None:
    """Where the length of an array is not known nothing behind it can be trusted."""
    assert ending(stream(joblib_array(b"ab", "weird"), 4)) == "joblib-array"
    assert ending(stream(joblib_array(b"ab", count=200), 4)) == "truncated"


def test_old_wrappers_name_files() -> None:
    """The file that an old wrapper would open is noted."""
    body = imported("joblib.numpy_pickle", "NDArrayWrapper") + b")\x81}" + text("filename") + text("../x.npy") + b"sb"
    assert seen(stream(body), "joblib")[0]["file"] == {"s": "../x.npy"}


def test_structured_dtypes_with_objects() -> None:
    """A structured dtype that holds objects makes the array a pickle."""
    fields = called("numpy", "dtype", text("V8")) + b"(K\x03N" + b"NNNNNK\x3ftb"
    data = stream(joblib_array(stream(SYSTEM), dtype=fields, padding=False), 4)
    assert "posix system" in calls(data)


def test_array_bytes_that_import() -> None:
    """Bytes of an array that are opcodes for a plain reader are followed as such, too."""
    data = stream(joblib_array(SYSTEM + b".", padding=False), 4)
    assert "posix system" in calls(data)
    assert "other than joblib" in seen(data, "frame")[0]["reason"]
    assert seen(stream(joblib_array(bytes(range(200))), 4), "frame") == []
