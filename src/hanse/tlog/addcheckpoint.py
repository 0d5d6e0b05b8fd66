"""The request and the refusals of C2SP tlog-witness `add-checkpoint`.

old SIZE
HASH in base64, one line for each of the consistency proof, at most 63

the checkpoint, a signed note
"""

from __future__ import annotations

from dataclasses import dataclass

from hanse.errors import BadFormat, TooLarge
from hanse.tlog.lines import MAX_PATH, base64_text, parse_decimal, parse_path

MAX_REQUEST_BYTES = 512 * 1024
MAX_SIZE_ANSWER = 32
SIZE_TYPE = "text/x.tlog.size"
"""Media type of the answer that tells where the witness stands (409)."""
_OLD = "old "


@dataclass(frozen=True, slots=True)
class UnverifiedRequest:
    """What a request says: size of the checkpoint before, consistency proof from there, the checkpoint as sent."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """Return the body of the request."""
        return "\n".join([f"{_OLD}{self.old}", *map(base64_text, self.proof), "", ""]).encode() + self.note


def parse_request(body: bytes) -> UnverifiedRequest:
    """Return what a request says; raises BadFormat unless it is written exactly as specified, TooLarge beyond 512 KiB."""
    if len(body) > MAX_REQUEST_BYTES:
        raise TooLarge(f"an add-checkpoint request has at most {MAX_REQUEST_BYTES} bytes")
    head, blank, note = body.partition(b"\n\n")
    try:
        first, *proof = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise BadFormat("the head of an add-checkpoint request is ASCII") from error
    if not blank or not first.startswith(_OLD):
        raise BadFormat("an add-checkpoint request begins with a line such as `old 20852014`, and an empty line ends its head")
    if len(proof) > MAX_PATH:
        raise BadFormat(f"an add-checkpoint request has at most {MAX_PATH} lines of proof, got {len(proof)}")
    return UnverifiedRequest(parse_decimal(first.removeprefix(_OLD), "the old size"), parse_path(proof), note)


def encode_size(size: int) -> bytes:
    """Return the body of a 409: the size of the checkpoint that the witness cosigned last."""
    return f"{size}\n".encode()


def parse_size(body: bytes) -> int:
    """Return the size that a 409 tells; raises BadFormat."""
    text = body[:MAX_SIZE_ANSWER].decode("ascii", "replace")
    if not text.endswith("\n"):
        raise BadFormat("a witness tells its size in one line")
    return parse_decimal(text[:-1], "the size that a witness tells")
