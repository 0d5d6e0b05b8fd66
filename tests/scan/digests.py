"""`python -m tests.scan.digests FOLDER`: digests of facts and verdict of the samples in FOLDER and of the corpus, as JSON.

Samples are made once, by `write`, since what writes archives differs between Python versions; what judges them must not.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.scan.corpus import rows

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.canonical import canonical
from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource
from hanse.scan.verdict import judge


def write(folder: Path) -> int:
    """Write every generated sample into the folder and return how many there are."""
    from tests.samples.families import all_samples

    index = {}
    for number, (family, label, sample) in enumerate(all_samples()):
        (folder / str(number)).write_bytes(sample.data)
        index[f"{family} {label} {number}"] = [str(number), sample.path]
    (folder / "index.json").write_text(json.dumps(index))
    return len(index)


def files(folder: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield (key, path, bytes) of everything that is judged."""
    for key, (name, path) in json.loads((folder / "index.json").read_text()).items():
        yield key, path, (folder / name).read_bytes()
    for row in rows():
        yield f"corpus {row.path}", row.path, row.read()


def digests(folder: Path) -> dict[str, str]:
    """Return key -> SHA-256 of the canonical facts and judgement; two parts, so that a difference shows where it is."""
    found = {}
    for key, path, data in files(folder):
        facts = extract(BytesSource(data))
        parts = (facts.to_json(), judge(facts, path, builtin_ruleset()).to_json())
        found[key] = " ".join(hashlib.sha256(canonical(part)).hexdigest()[:32] for part in parts)
    return found


if __name__ == "__main__":
    json.dump({"python": sys.version.split()[0], "digests": digests(Path(sys.argv[1]))}, sys.stdout)
