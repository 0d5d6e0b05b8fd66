"""`python -m tests.scan.digests`: digests of facts and verdict of every sample and corpus file, as JSON."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator

from tests.samples.families import all_samples
from tests.scan.corpus import rows

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.canonical import canonical
from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource
from hanse.scan.verdict import judge


def files() -> Iterator[tuple[str, str, bytes]]:
    """Yield (key, path, bytes) of everything that is judged."""
    for number, (family, label, sample) in enumerate(all_samples()):
        yield f"{family} {label} {number}", sample.path, sample.data
    for row in rows():
        yield f"corpus {row.path}", row.path, row.read()


def digests() -> dict[str, str]:
    """Return key -> SHA-256 of the canonical facts and judgement; two parts, so that a difference shows where it is."""
    found = {}
    for key, path, data in files():
        facts = extract(BytesSource(data))
        parts = (facts.to_json(), judge(facts, path, builtin_ruleset()).to_json())
        found[key] = " ".join(hashlib.sha256(canonical(part)).hexdigest()[:32] for part in parts)
    return found


if __name__ == "__main__":
    json.dump({"python": sys.version.split()[0], "digests": digests()}, sys.stdout)
