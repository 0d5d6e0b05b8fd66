"""A small labelled corpus: inert pickles that would run a command, benign ones beside them, and texts."""

from __future__ import annotations

import hashlib
from pathlib import Path

ACTS = b"cos\nsystem\n(S'echo'\ntR."
"""A pickle that would run `echo`; nothing in the tests loads it."""


def write_corpus(folder: Path, files: dict[str, tuple[bytes, str]] | None = None, *, digests: bool = True) -> Path:
    """Write path -> (bytes, label) and `labels.tsv`; default: six pickles of both kinds, and one of neither."""
    if files is None:
        files = {f"bad/{n}.pkl": (ACTS + b"." * n, "malicious") for n in range(3)}
        files |= {f"good/{n}.pkl": (b"\x80\x04]K%c." % n, "benign") for n in range(3)}
        files["odd.pkl"] = (b"\x80\x04N", "malformed")
    lines = ["label\tpath\tnote\tsha256"]
    for path, (data, label) in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        lines.append(f"{label}\t{path}\t\t{hashlib.sha256(data).hexdigest() if digests else ''}")
    (folder / "labels.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
