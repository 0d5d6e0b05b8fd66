"""What languages cost under a tokenizer: its file is read by the library `tokenizers`, an extra, and no model is loaded."""

from __future__ import annotations

from pathlib import Path

from hanse.errors import BadFormat, InputError
from hanse.evals.coverage import Cost, coverage
from hanse.flows.bounded import read_bounded
from hanse.flows.suites.shipped import sentences

MAX_TOKENIZER = 64 * 1024 * 1024


def language_costs(path: Path) -> tuple[Cost, ...]:
    """Return the cost of every language, as `hanse.evals.coverage` orders them.

    path: a `tokenizer.json`, or a folder with one. Raises NotFoundError, TooLarge, BadFormat for a file that is no
    tokenizer, InputError if the library is not there.
    """
    data = read_bounded(path / "tokenizer.json" if path.is_dir() else path, MAX_TOKENIZER)
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 an extra
    except ImportError as error:
        raise InputError("reading tokenizers needs the library `tokenizers`", hint="pip install 'hanse[tokenizers]'") from error
    try:
        found = Tokenizer.from_buffer(data)
    except Exception as error:  # the library raises Exception itself
        raise BadFormat(f"{path} is no tokenizer: {str(error)[:200]}") from error
    found.no_padding()
    found.no_truncation()
    model = found.model
    unknown = found.token_to_id(model.unk_token) if getattr(model, "unk_token", None) else None

    def count(text: str) -> tuple[int, int]:
        ids = found.encode(text, add_special_tokens=False).ids
        return len(ids), 0 if unknown is None else ids.count(unknown)

    return coverage(sentences(), count)
