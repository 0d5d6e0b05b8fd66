"""Auditing a run by making the weights say what they are claimed to have said (level V2).

1. The items are drawn from a log's checkpoint and the record.
2. Each claimed answer is forced, token by token, behind the prompt that this model makes of the item. An item of a log-likelihood
   suite is ranked again.
3. The gaps decide, by a table of thresholds that is named: a strict one if the auditor is of the record's numerics class.
"""

from __future__ import annotations

from collections.abc import Callable

from hanse.errors import InputError, NotFoundError, VerificationFailed
from hanse.evals.audit import Checked, Outcome, judge, table_for
from hanse.evals.challenge import checkpoint_digest, draw, seed_of
from hanse.evals.engine import Ask, Auditor
from hanse.evals.itemtable import SCORED
from hanse.evals.record import numerics_class
from hanse.evals.suite import Item, Request, Suite
from hanse.evals.transcript import Spoken
from hanse.flows.evaluate.runfolder import Read
from hanse.tlog.checkpoint import parse_checkpoint
from hanse.tlog.note import parse_note

MAX_CHECKPOINT = 64 * 1024


def text_of(checkpoint: bytes) -> bytes:
    """Return the signed text of a checkpoint, without its signatures; raises BadFormat if it is none."""
    note = parse_note(checkpoint)
    parse_checkpoint(note)
    return note.text.encode()


def audit(
    read: Read, auditor: Auditor, checkpoint: bytes, k: int, tell: Callable[[int, int], None] = lambda _, __: None
) -> Outcome:
    """Return what an audit of a run comes to. checkpoint: signed text; tell: is told how many items are done, and of how many.

    Raises NotFoundError without the transcript, InputError for a suite that samples, EngineFailed.
    """
    suite = read.suite
    if read.spoken is None:
        raise NotFoundError("the transcript was not passed on", hint="ask the evaluator for it; V0 and V3 need none")
    if suite.decoding.temperature > 0:
        raise InputError("answers that were drawn cannot be audited by their likeliest tokens", hint="V3: run it again")
    # 1. The items.
    table = read.run.table
    drawn = draw(seed_of(checkpoint, read.record.digest), table, k)
    items, spoken = {one.id: one for one in suite.items}, {(one.item, one.epoch): one for one in read.spoken}
    # 2. Forced.
    checked = []
    for at, key in enumerate(drawn):
        if key not in spoken:
            raise VerificationFailed(f"the transcript has no answer to {key[0]}", failed=("not-in-transcript",))
        checked.append(_check(auditor, suite, items[key[0]], spoken[key]))
        tell(at + 1, len(drawn))
    # 3. The verdict.
    planned = sum(row.status in SCORED for row in table.rows)
    same_class = numerics_class(auditor.observed().numerics) == read.record.numerics_class
    return judge(checked, planned, checkpoint_digest(checkpoint), table_for(checked, same_class=same_class))


def _check(auditor: Auditor, suite: Suite, item: Item, one: Spoken) -> Checked:
    ask, answer = Ask(item, one.epoch, suite.request, suite.decoding), one.answer
    if suite.request is Request.LOGLIKELIHOOD:
        found = auditor.answer(ask)
        if answer.text not in item.choices or len(found.logprobs) != len(item.choices):
            return Checked(item.id, (), follows=answer.text in item.choices)
        own = found.logprobs[item.choices.index(answer.text)]
        return Checked(item.id, (max(found.logprobs) - own,), same_prompt=found.rendered == answer.rendered, as_said=True)
    if not answer.tokens:
        return Checked(item.id, ())
    try:
        forced = auditor.force(ask, answer.tokens)
    except InputError:
        return Checked(item.id, (), follows=False)  # tokens that this model does not have
    follows = _says(answer.text, forced.text, suite.decoding.stop)
    return Checked(item.id, forced.gaps, follows, forced.rendered == answer.rendered, forced.as_said)


def _says(text: str, forced: str, stops: tuple[str, ...]) -> bool:
    """Tell whether a text is what tokens say, up to a text that ends it; half a character at the end may be shown otherwise."""
    mine, theirs = forced.strip().rstrip("\ufffd"), text.strip().rstrip("\ufffd")
    return mine == theirs or any(forced.startswith(text + stop) for stop in stops)
