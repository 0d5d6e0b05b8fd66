"""A suite as a folder: `suite.json`, `items.jsonl`, and a card for people, as a repository's revision has them."""

from __future__ import annotations

from pathlib import Path

from hanse.errors import Conflict, StorageError
from hanse.evals.builtin import is_harmful
from hanse.evals.suite import MAX_ITEMS_BYTES, MAX_MANIFEST_BYTES, Suite, parse_suite
from hanse.flows.bounded import read_bounded

MANIFEST, ITEMS, CARD = "suite.json", "items.jsonl", "README.md"


def read_suite(folder: Path) -> Suite:
    """Return the suite in a folder; raises NotFoundError, TooLarge, or BadFormat for what is none."""
    return parse_suite(read_bounded(folder / MANIFEST, MAX_MANIFEST_BYTES), read_bounded(folder / ITEMS, MAX_ITEMS_BYTES))


def write_suite(suite: Suite, folder: Path) -> None:
    """Write a suite into a new or empty folder, the manifest last; one that asks for harm is for its owner's eyes only (0600).

    Raises Conflict if the folder holds anything, StorageError if it cannot be written.
    """
    mode = 0o600 if is_harmful(suite) else 0o644
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Conflict(f"{folder} is not empty", hint="a suite is written into a folder of its own")
        for name, data in ((CARD, card(suite).encode()), (ITEMS, suite.lines()), (MANIFEST, suite.manifest())):
            path = folder / name
            path.touch(mode)
            path.write_bytes(data)
    except OSError as error:
        raise StorageError(f"cannot write the suite into {folder}: {error.strerror or error}") from error


def card(suite: Suite) -> str:
    """Return the text of `README.md`."""
    better = "lower is better" if suite.lower_is_better else "higher is better"
    harm = "\nThe items ask for harm. Publish results and Merkle roots, neither items nor answers.\n" if is_harmful(suite) else ""
    return (
        f"---\nlicense: {suite.license.lower()}\ntags:\n- evaluation\n---\n# {suite.name} {suite.version}\n\n"
        f"{len(suite.items)} items, asked as {suite.request.value}, scored by `{' '.join(suite.scorer)}`; {better}.\n"
        f"Two runs agree if their mean difference is shown to be within {suite.delta:g} and at least "
        f"{suite.agreement_min:.0%} of the items are equal.\n\nDigest: `{suite.digest}`\n{harm}"
    )
