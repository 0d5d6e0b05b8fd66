"""Auditing runs by forced tokens: a deterministic model whose tokens are characters, with a dial of how it cheats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.support.openaiserver import Adder, Model, share, sums

from hanse.errors import BadFormat, InputError, NotFoundError
from hanse.evals.compare import Verdict
from hanse.evals.engine import Answer, Ask, Forced, Observed
from hanse.evals.itemtable import Status
from hanse.evals.suite import Decoding, Suite
from hanse.flows.evaluate.audit import audit, text_of
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.runfolder import Read, read_run
from hanse.flows.evaluate.subject import of_endpoint
from hanse.model.repo import Origin

TEXT = b"uni.example\n12\n" + b"A" * 43 + b"=\n"
MOST = 95
"""Items to draw of 100 where some are bad: at most five are left out, however the draw falls, which is new in every run."""
NOTE = TEXT + b"\n\xe2\x80\x94 uni.example AAAAAGFiY2Q=\n"


@dataclass
class Letters:
    """A model that says its answers letter by letter.

    drift: gap of every 20th letter; shift: of the template; as_said: forced letters are computed as those that are said.
    """

    model: Model
    drift: float = 0.0
    shift: str = ""
    as_said: bool = False

    def observed(self) -> Observed:
        """Return that it is this."""
        return Observed({"engine": "letters", "engineVersion": "1", "backend": "cpu"})

    def answer(self, ask: Ask) -> Answer:
        """Answer with tokens; a choice is ranked by its length."""
        prompt = self.shift + ask.item.messages[-1][1]
        if ask.item.choices:
            return Answer(
                Status.OK, ask.item.choices[0], prompt, logprobs=tuple(-float(at) for at in range(len(ask.item.choices)))
            )
        text = self.model.text(prompt)
        return Answer(Status.OK, text, prompt, tokens=tuple(map(ord, text)), count=len(text))

    def force(self, ask: Ask, tokens: Sequence[int]) -> Forced:
        """Return a great gap for each letter that it would not say."""
        if any(token > 127 for token in tokens):
            raise InputError("no letter")
        own = self.answer(ask).text.ljust(len(tokens), "\0")
        other = [self.drift if share(f"{ask.item.id} {at}") < 0.05 else 0.0 for at in range(len(tokens))]
        said = zip(tokens, own, other, strict=False)
        gaps = tuple(gap if chr(token) == letter else 8.0 for token, letter, gap in said)
        return Forced(self.shift + ask.item.messages[-1][1], gaps, "".join(map(chr, tokens)), self.as_said)

    def close(self) -> None:
        """Leave nothing."""


def ran(folder: Path, engine: Letters | Adder, suite: Suite | None = None) -> Read:
    """Return a run of sums."""
    evaluate(Order(suite or sums(100), of_endpoint("http://api.example", "adder"), folder, Origin("uni.example")), engine)
    return read_run(folder)


@pytest.fixture(scope="module", name="honest")
def _honest(tmp_path_factory: pytest.TempPathFactory) -> Read:
    return ran(tmp_path_factory.mktemp("honest") / "run", Letters(Model()))


def test_honest(honest: Read) -> None:
    """The weights say what they are claimed to have said, with the drift of other kernels too."""
    told: list[tuple[int, int]] = []
    found = audit(honest, Letters(Model()), text_of(NOTE), 60, lambda at, of: told.append((at, of)))
    assert (found.verdict, found.audit.k, told[-1]) == (Verdict.AGREES, 60, (60, 60))
    assert audit(honest, Letters(Model(), drift=0.1), TEXT, 60).verdict is Verdict.AGREES
    assert audit(honest, Letters(Model(), drift=2.5), TEXT, MOST).verdict is Verdict.DISAGREES


def test_in_one_numerics_class(honest: Read) -> None:
    """The engine that gave the answers finds no gap; a drift that another class may have is then another model's."""
    one, drifting = Letters(Model(), as_said=True), Letters(Model(), drift=0.3, as_said=True)
    found = audit(honest, one, TEXT, 60)
    assert (found.verdict, found.audit.threshold) == (Verdict.AGREES, "gaps-3-same")
    found = audit(honest, drifting, TEXT, 100)
    assert (found.verdict, found.audit.threshold) == (Verdict.DISAGREES, "gaps-3-same")
    elsewhere = replace(honest.record, numerics={"engine": "others"})
    there = replace(honest, run=replace(honest.run, record=elsewhere))
    found = audit(there, drifting, TEXT, 100)
    assert (found.verdict, found.audit.threshold) == (Verdict.AGREES, "gaps-2")


def test_cheats(honest: Read) -> None:
    """Another model, or 10 % of answers that were invented, is found; another template is another prompt."""
    other = audit(honest, Letters(Model(wrong=0.1)), TEXT, MOST)
    assert (other.verdict, "token-out-of-reach" in other.reasons) == (Verdict.DISAGREES, True)
    invented = audit(honest, Letters(Model(noise=0.1, seed=3)), TEXT, MOST)
    assert invented.verdict is Verdict.DISAGREES
    assert 5 <= len(invented.items) <= 10
    assert audit(honest, Letters(Model(), shift="You are kind. "), TEXT, 60).verdict is Verdict.NOT_COMPARABLE


def test_a_text_that_its_tokens_do_not_say(honest: Read) -> None:
    """An answer that was put beside another one's tokens is found, and so are tokens that the model does not have."""
    lines = [replace(one, answer=replace(one.answer, text="I cannot help with that.")) for one in honest.spoken or ()]
    found = audit(replace(honest, spoken=tuple(lines)), Letters(Model()), TEXT, 30)
    assert (found.verdict, found.reasons) == (Verdict.DISAGREES, ("text-does-not-follow",))
    lines = [replace(one, answer=replace(one.answer, tokens=(999,))) for one in honest.spoken or ()]
    assert audit(replace(honest, spoken=tuple(lines)), Letters(Model()), TEXT, 30).verdict is Verdict.DISAGREES


def test_choices(tmp_path: Path) -> None:
    """Items of a log-likelihood suite are ranked again; a choice far behind the likeliest one is not this model's."""
    plain = sums(40)
    items = tuple(replace(one, choices=(" yes", " no")) for one in plain.items)
    suite = replace(plain, items=items, request=type(plain.request).LOGLIKELIHOOD)
    read = ran(tmp_path / "run", Letters(Model()), suite)
    assert audit(read, Letters(Model()), TEXT, 40).verdict is Verdict.AGREES
    lines = [replace(one, answer=replace(one.answer, text=" no")) for one in read.spoken or ()]
    assert audit(replace(read, spoken=tuple(lines)), Letters(Model()), TEXT, 40).verdict is Verdict.DISAGREES


def test_what_cannot_be_audited(tmp_path: Path, honest: Read) -> None:
    """Answers that were drawn, or not passed on, or of an address that tells no tokens, are said to be that."""
    hot = replace(sums(20), decoding=Decoding(0.7, 1.0, 8), epochs=3)
    with pytest.raises(InputError, match="drawn"):
        audit(ran(tmp_path / "hot", Letters(Model()), hot), Letters(Model()), TEXT, 20)
    with pytest.raises(NotFoundError):
        audit(replace(honest, spoken=None), Letters(Model()), TEXT, 20)
    silent = audit(ran(tmp_path / "silent", Adder(Model())), Letters(Model()), TEXT, 20)
    assert (silent.verdict, silent.reasons) == (Verdict.INCONCLUSIVE, ("tokens-not-told",))


def test_the_text_of_a_checkpoint() -> None:
    """The seed is of what was signed, whoever cosigned it; what is no checkpoint is refused."""
    assert text_of(NOTE) == TEXT
    with pytest.raises(BadFormat):
        text_of(b"hello\n\n\xe2\x80\x94 uni.example AAAAAGFiY2Q=\n")
