"""Files are judged here before their first byte leaves, and what is known of a content counts wherever it turns up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.held import hold, pin_of
from tests.support.pulling import EVIL

from hanse.errors import BlobNotFound, PolicyError
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.policies import load_policy
from hanse.flows.pull.judge import PENDING, Judge, flags, scanned_elsewhere
from hanse.flows.rulesets import builtin_ruleset
from hanse.model.decision import EvidenceFacts, NameKind, Scanned, Want
from hanse.model.filepin import FilePin
from hanse.model.finding import Coverage, Verdict
from hanse.policy.parse import parse_policy
from hanse.scan.versions import SCANNER
from hanse.store.held import Held

FACTS = EvidenceFacts(1_800_000_000, Want.REVISION, NameKind.BARE, scans=(PENDING,))
OPEN = load_policy("open", Path("/nowhere"))


@pytest.fixture(name="held")
def _held(tmp_path: Path) -> Iterator[Held]:
    with Held.open(tmp_path / "held") as held:
        yield held


@pytest.fixture(name="judge")
def _judge(held: Held) -> Iterator[Judge]:
    made = Judge(OPEN, builtin_ruleset(), held)
    yield made
    made.close()


def test_a_verdict_depends_on_name_and_content(held: Held, judge: Judge) -> None:
    """The facts are made once and kept; nothing is said of a clean file."""
    good, evil = hold(held, b"{}"), hold(held, EVIL)
    assert judge.outcome(good, "config.json", 1).clean
    assert judge.outcome(evil, "model.pkl", 1).verdict is Verdict.MALICIOUS
    assert held.facts(evil.sha256, SCANNER)
    assert flags(held) == {evil.sha256: 1}
    later = Judge(OPEN, builtin_ruleset(), held)
    assert later.outcome(evil, "model.pkl", 1).verdict is Verdict.MALICIOUS
    assert later._pool is None


def test_the_policy_decides_what_follows(held: Held, judge: Judge) -> None:
    """A refusal says what the file would do and what would make it pass; another policy lets it through."""
    outcome = judge.outcome(hold(held, EVIL), "model.pkl", 1)
    with pytest.raises(
        PolicyError, match=r"'model.pkl': it is malicious \(PICKLE-CALL-GADGET\): loading calls os.system"
    ) as error:
        judge.require(FACTS, outcome, "model.pkl")
    assert "safetensors" in error.value.hint
    lax = LoadedPolicy(parse_policy('policy = 1\nbase = "open"\n[scan]\nmalicious = "warn"\n', "lax"), "here")
    Judge(lax, builtin_ruleset(), held).require(FACTS, outcome, "model.pkl")


def test_a_revision_with_a_known_file_is_refused_as_a_whole(held: Held, judge: Judge) -> None:
    """By SHA-256, or by git's name where nobody says the SHA-256; under another name, if the verdict is the same."""
    pin = pin_of(EVIL, "weights/model.pkl")
    judge.check_flagged([pin], FACTS)
    judge.outcome(hold(held, EVIL), "model.pkl", 1)
    for known in (pin, replace(pin, sha256=None, xet=None)):
        with pytest.raises(PolicyError, match=r"weights/model\.pkl"):
            judge.check_flagged([pin_of(b"{}", "config.json"), known], FACTS)
    judge.check_flagged([pin_of(b"{}", "config.json")], FACTS)


def test_what_was_looked_for_is_not_looked_for_again(held: Held, judge: Judge) -> None:
    """Whoever asks for file after file of a revision has all of them looked at once, and again when more is known to be bad."""
    looked, pin = list[str](), pin_of(EVIL, "model.pkl")

    def files() -> Iterator[FilePin]:
        looked.append("at all")
        yield pin

    judge.outcome(hold(held, EVIL + b"more"), "x.pkl", 1)
    flagged = judge.check_flagged(files(), FACTS)
    assert judge.check_flagged(files(), FACTS, flagged) == flagged != frozenset()
    assert looked == ["at all"]
    judge.outcome(hold(held, EVIL), "model.pkl", 1)
    with pytest.raises(PolicyError, match=r"model\.pkl"):
        judge.check_flagged(files(), FACTS, flagged)


def test_many_small_files_are_scanned_together(held: Held, judge: Judge) -> None:
    """Each has its own facts afterwards, whichever are known already, and one that is bad is found among them."""
    files = [hold(held, data) for data in (b"{}", EVIL, b"text", b"")]
    judge.outcome(files[0], "config.json", 1)
    judge.look(files)
    assert all(held.facts(file.sha256, SCANNER) for file in files)
    verdicts = [judge.outcome(file, "model.pkl", 1).verdict for file in files]
    assert [one is Verdict.MALICIOUS for one in verdicts] == [False, True, False, False]


def test_a_file_that_changed_is_not_judged(held: Held, judge: Judge) -> None:
    """What is scanned is what was verified, not what lies under its name by now."""
    file = hold(held, b"{}")
    file.path.chmod(0o600)
    file.path.write_bytes(EVIL)
    with pytest.raises(BlobNotFound):
        judge.outcome(file, "x.pkl", 1)


def test_scans_of_others_that_count() -> None:
    """Complete ones of members that the policy names; one's own pending one is none."""
    member = Scanned("a.example", Verdict.SAFE, Coverage.COMPLETE, "key")
    facts = replace(FACTS, scans=(PENDING, member))
    assert not scanned_elsewhere(OPEN, FACTS)
    assert scanned_elsewhere(OPEN, facts)
    assert not scanned_elsewhere(OPEN, replace(FACTS, scans=(replace(member, coverage=Coverage.INCONCLUSIVE),)))
    text = 'policy = 1\nbase = "open"\n[scan]\nof = "us"\n[groups.us]\nmembers = ["b.example"]\n'
    assert not scanned_elsewhere(LoadedPolicy(parse_policy(text, "us"), "here"), facts)
