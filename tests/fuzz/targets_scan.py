"""The scanner under mutation: any bytes end in a verdict, within budget, and never in an error of its own."""

from __future__ import annotations

from functools import cache

from tests.fuzz.runner import Target
from tests.samples.families import all_samples

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.canonical import canonical
from hanse.model.finding import Coverage
from hanse.scan.dispatch import extract
from hanse.scan.facts import facts_from_json
from hanse.scan.source import BytesSource
from hanse.scan.verdict import judge

MAX_SEED = 20_000
NAMES = ("model.pkl", "model.pt", "model.safetensors", "config.json", "chat_template.jinja", "modeling_x.py", "model.h5")


def scan(data: bytes) -> None:
    """Judge the bytes under several names, also from stored facts; an error of the scanner's own is a failure."""
    facts = extract(BytesSource(data))
    stopped = [view.stopped for view in facts.views if (view.stopped or "").startswith("error:")]
    assert not stopped, stopped
    again = facts_from_json(facts.to_json())
    for name in NAMES:
        found = judge(facts, name, builtin_ruleset())
        assert found.coverage is not Coverage.ERROR
        assert canonical(found.to_json()) == canonical(judge(again, name, builtin_ruleset()).to_json())


@cache
def seeds() -> tuple[bytes, ...]:
    """Return one small sample of each family and kind."""
    found = {(family, label): sample.data for family, label, sample in all_samples() if len(sample.data) <= MAX_SEED}
    return tuple(found.values()) or (b"N.",)


SCAN_TARGETS = {"scan": Target(scan, seeds(), seconds=3.0, memory=64 << 20)}
"""Decompressors have windows of their own; a scan may take 256 MB."""
