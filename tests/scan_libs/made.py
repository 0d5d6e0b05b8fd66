"""Real benign model files, made by real libraries in an environment of their own; nothing here reads a model file.

`python -m tests.scan_libs.made FOLDER [--slice]` writes the files into FOLDER, named `<library>/<what>.<ending>`, and prints one
line for each that its library could not make. `--slice` makes the fixed 60 that `make test` uses (scikit-learn, joblib, NumPy).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

Writer = Callable[[Path], object]
Made = tuple[str, Writer]
"""Path of a file below the output folder, and what writes it."""
HEAVY = ("torch_models", "torch_training", "tables", "boosters", "exchange")
SLICE = 60


def dump(value: Any, path: Path, protocol: int = 4) -> None:
    """Pickle a value into a file; only ever the writing half of pickle."""
    path.write_bytes(import_module("pickle").dumps(value, protocol=protocol))


def last(save: Any, *values: Any, **options: Any) -> Writer:
    """Return a writer that calls `save(*values, path)`."""
    return lambda path: save(*values, path, **options)


def first(save: Any, *values: Any, **options: Any) -> Writer:
    """Return a writer that calls `save(path, *values)`."""
    return lambda path: save(path, *values, **options)


def pickled(value: Any, protocol: int = 4) -> Writer:
    """Return a writer that pickles a value."""
    return lambda path: dump(value, path, protocol)


def light_files() -> Iterator[Made]:
    """Yield the files that scikit-learn, joblib and NumPy make."""
    yield from import_module("tests.scan_libs.estimators").files()
    yield from import_module("tests.scan_libs.arrays").files()


def all_files() -> Iterator[Made]:
    """Yield every file of every library that is installed."""
    yield from light_files()
    for name in HEAVY:
        try:
            yield from import_module(f"tests.scan_libs.{name}").files()
        except ImportError as error:
            print(f"not installed: {name}: {error}", flush=True)


def sliced(made: list[Made]) -> list[Made]:
    """Return SLICE of the files, evenly spread."""
    step = max(1, len(made) // SLICE)
    return made[::step][:SLICE]


def write(made: Iterator[Made] | list[Made], folder: Path) -> int:
    """Write the files and return how many there are; one that fails is reported and left out."""
    count = 0
    for name, writer in made:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            writer(path)
            count += 1
        except Exception as error:  # noqa: BLE001 - a library's own limits are not what is tested
            path.unlink(missing_ok=True)
            print(f"not made: {name}: {type(error).__name__}: {str(error)[:100]}", flush=True)
    return count


def main(arguments: list[str]) -> None:
    """Write the files into the folder that the first argument names."""
    warnings.simplefilter("ignore")
    made = sliced(list(light_files())) if "--slice" in arguments else all_files()
    print(f"{write(made, Path(arguments[0]))} files")


if __name__ == "__main__":
    main(sys.argv[1:])
