"""Verifying with a receipt: of a signed revision by the evidence behind it, of any other by this user's own record.

A receipt is signed by nobody. With evidence it only says what is to be verified, and may not contradict it. Without evidence it
says that the files are those that were received at that time from those sources, which is worth something only to whoever
received them: it must agree with the record below HANSE_HOME, and the policy must let pass what nobody signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from hanse.errors import VerificationFailed
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.local_files import Checked, Expected, Hashing, compare
from hanse.flows.receipts import own_receipt, policy_digest
from hanse.flows.verify_folder import Question
from hanse.model.decision import Decision, EvidenceFacts, NameKind, Scanned, Want
from hanse.model.digest import Sha256
from hanse.model.finding import Coverage, Verdict
from hanse.model.receipt import Receipt
from hanse.model.repo import RepoType
from hanse.policy.decide import decide


@dataclass(frozen=True, slots=True)
class Received:
    """What is known of files that were received and that nobody signed."""

    receipt: Receipt
    decision: Decision
    files: Checked


def ask_of(receipt: Receipt, question: Question) -> Question:
    """Return the question that a receipt answers, with whatever was asked besides.

    Raises VerificationFailed if something else is asked than the receipt is about.
    """
    repo = receipt.repo
    pairs = (
        ("repository", question.repo and question.repo.lower(), repo.folded),
        ("origin", question.origin, repo.origin),
        ("tree", question.tree, receipt.tree or question.tree),
        ("revision", question.revision, receipt.ref if question.revision == receipt.ref else receipt.rev),
        ("type", None if question.type is RepoType.MODEL else question.type, repo.type),
    )
    wrong = tuple(
        f"receipt: it is of {what} {found}, not {wanted}" for what, wanted, found in pairs if wanted not in (None, found)
    )
    if wrong:
        raise VerificationFailed("; ".join(wrong), failed=wrong, hint="verify with the receipt of what you mean")
    tree = Sha256(receipt.tree) if receipt.tree else None
    return replace(question, repo=repo.path, type=repo.type, revision=receipt.rev, origin=repo.origin, tree=tree)


def contradictions(receipt: Receipt, signed: Iterable[tuple[str, Sha256]]) -> tuple[str, ...]:
    """Return a line for every file of a receipt that is another one in the signed manifest, or not in it."""
    manifest = dict(signed)
    return tuple(
        f"receipt: it has {one.path} with SHA-256 {one.sha256}, the signed manifest has {manifest.get(one.path, 'no such file')}"
        for one in receipt.files
        if manifest.get(one.path) != one.sha256
    )


def verify_received(
    hashing: Hashing,
    receipt: Receipt,
    *,
    policy: LoadedPolicy,
    home: Path,
    now: int,
    waiting: Callable[[], None] = lambda: None,
) -> Received:
    """Return what is known of files of a revision that nobody signed.

    Raises VerificationFailed unless they were received here, PolicyError, StorageError.
    """
    try:
        _check_own(receipt, home)
        decision = decide(policy.policy, facts_of(receipt, policy, now))
        decision.require()
    except BaseException:
        hashing.stop()
        raise
    waiting()
    expected = {one.path: Expected(one.sha256, one.size) for one in receipt.files if one.sha256}
    return Received(receipt, decision, compare(hashing.listing, hashing.result(), expected))


def _check_own(receipt: Receipt, home: Path) -> None:
    own = own_receipt(home, receipt.repo, receipt.rev)
    known = {one.path: one.sha256 for one in own.files} if own else {}
    wrong = [one.path for one in receipt.files if known.get(one.path) != one.sha256]
    if own is not None and not wrong:
        return
    says = f"{len(wrong)} of its files were received otherwise, such as {wrong[0][:200]}" if own else "no record of it is here"
    failed = (f"receipt: nobody signed {receipt.repo} at {receipt.rev[:12]}, and {says}",)
    raise VerificationFailed(failed[0], failed=failed, hint="pull it here, or get its evidence from a node that signs it")


def facts_of(receipt: Receipt, policy: LoadedPolicy, now: int) -> EvidenceFacts:
    """Return the facts for the policy; files that passed it when they came were scanned under it then."""
    same = receipt.policy.digest == policy_digest(policy)
    return EvidenceFacts(
        now=now,
        want=Want.PINNED if receipt.tree else Want.REVISION,
        kind=NameKind.BARE,
        repo=str(receipt.repo),
        rev=receipt.rev,
        tree=receipt.tree,
        scans=(Scanned("", Verdict.SAFE, Coverage.COMPLETE),) if same else (),
    )
