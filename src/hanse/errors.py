"""The one error tree: every refusal carries a stable code, a plain message and a hint that says what would make it pass.

Lies (`IntegrityError`), refusals (`PolicyError`, `AccessError`), unreachable peers (`PeerError`) and our own disk
(`StorageError`) are kept apart everywhere. `hanse.web.errors` maps classes to HTTP status and Hub error codes; the command
line prints the same three fields.
"""

from __future__ import annotations

from typing import ClassVar


class HanseError(Exception):
    """Base of every error a user can meet; `code` is stable and documented in docs/errors.md."""

    code: ClassVar[str] = "Error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(HanseError):
    """The caller sent something that cannot be accepted as it is."""

    code = "BadRequest"


class BadRepoId(InputError):
    """A repository id, namespace, origin or ref name is not well formed."""

    code = "BadRepoId"


class BadPath(InputError):
    """A file path inside a repository is not allowed (traversal, empty segment, `.git`, NUL, backslash, line break)."""

    code = "BadPath"


class BadDigest(InputError):
    """A digest is not lower-case hex of the expected length."""

    code = "BadDigest"


class BadFormat(InputError):
    """A binary or text format (xorb, shard, NDJSON, JSON) does not parse."""

    code = "BadFormat"


class BadCommit(InputError):
    """A commit request is well formed but cannot be applied."""

    code = "BadCommit"


class BadRange(InputError):
    """The requested range lies wholly outside the object."""

    code = "BadRange"


class BadSetting(InputError):
    """A setting has an unknown name or a value outside its bounds."""

    code = "BadSetting"


class TooLarge(InputError):
    """A declared or received size or count exceeds its bound."""

    code = "TooLarge"


class Conflict(InputError):
    """The thing to be made exists already, or the target name is taken."""

    code = "Conflict"


class SizeConflict(Conflict):
    """A witness stands at another size of the log than the request said; `size` is where it stands."""

    code = "SizeConflict"

    def __init__(self, message: str, *, size: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.size = size


class StaleParent(InputError):
    """The commit's `parentCommit` is no longer the head of the branch."""

    code = "StaleParent"


class RateLimited(InputError):
    """Too many requests: `limit` in each `window`; `retry_after` and `window` are in whole seconds.

    kind: of which requests, as clients of the Hub are told it: "api", or "resolvers" for files.
    """

    code = "RateLimited"

    def __init__(
        self, message: str, *, retry_after: int, limit: int = 0, window: int = 0, kind: str = "api", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.retry_after = retry_after
        self.limit = limit
        self.window = window


class NotFoundError(HanseError):
    """What was asked for is not here, or the caller may not know that it is."""

    code = "NotFound"


class RepoNotFound(NotFoundError):
    """No such repository for this caller."""

    code = "RepoNotFound"


class RevisionNotFound(NotFoundError):
    """No such branch, tag or commit in this repository."""

    code = "RevisionNotFound"


class Recalled(RevisionNotFound):
    """The revision has a file that others could have before the scanner withheld it; caches must not answer for it.

    rev: its commit id, if it is known.
    """

    code = "Recalled"

    def __init__(self, message: str, *, rev: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.rev = rev


class EntryNotFound(NotFoundError):
    """No such file or folder in this revision; `rev` is the resolved commit id, for `X-Repo-Commit`."""

    code = "EntryNotFound"

    def __init__(self, message: str, *, rev: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.rev = rev


class BlobNotFound(NotFoundError):
    """No such object for this caller (xorb, file, chunk, shard)."""

    code = "BlobNotFound"


class AccessError(HanseError):
    """The caller is not who he would have to be."""

    code = "Access"


class NotAuthenticated(AccessError):
    """A token is needed and none was sent."""

    code = "NotAuthenticated"


class BadToken(AccessError):
    """The token is unknown, expired or revoked, where a valid one is needed."""

    code = "BadToken"


class NotAllowed(AccessError):
    """The caller is known but lacks the right."""

    code = "NotAllowed"


class QuotaExceeded(AccessError):
    """The namespace's storage quota, or what one account may upload to others and not commit, would be exceeded."""

    code = "QuotaExceeded"


class GatedRepo(AccessError):
    """The repository asks for access requests; `anonymous` tells 401 from 403."""

    code = "GatedRepo"

    def __init__(self, message: str, *, anonymous: bool, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.anonymous = anonymous


class Disabled(AccessError):
    """The repository's bytes are withdrawn."""

    code = "Disabled"


class IntegrityError(HanseError):
    """Data is not what it claims to be."""

    code = "Integrity"


class DigestMismatch(IntegrityError):
    """Bytes do not have the digest they are named by."""

    code = "DigestMismatch"


class BadProof(IntegrityError):
    """A Merkle proof, journal position or chain link does not verify."""

    code = "BadProof"


class BadSignature(IntegrityError):
    """A signature does not verify, or is by another key than the one that must sign."""

    code = "BadSignature"


class RolledBack(IntegrityError):
    """A log, ref or map is older than what was seen of it before."""

    code = "RolledBack"


class Equivocation(IntegrityError):
    """One signer said two things that exclude each other; `evidence` holds both, as bytes that anybody can check."""

    code = "Equivocation"

    def __init__(self, message: str, *, evidence: tuple[bytes, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.evidence = evidence


class VerificationFailed(IntegrityError):
    """A revision was not verified; `failed` lists every rule that did not hold."""

    code = "VerificationFailed"

    def __init__(self, message: str, *, failed: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.failed = failed


class PolicyError(HanseError):
    """The data is honest but refused; `failed` lists every rule that did not hold, `rev` is the commit id if it is known."""

    code = "Policy"

    def __init__(self, message: str, *, failed: tuple[str, ...] = (), rev: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.failed = failed
        self.rev = rev


class Held(PolicyError):
    """The scanner holds the file back: only those who write to its namespace get it."""

    code = "Held"


class PeerError(HanseError):
    """Another server could not be reached, was too slow or broke the protocol."""

    code = "Peer"


class PeerDown(PeerError):
    """Another server could not be reached, or said that it cannot answer now."""

    code = "PeerDown"


class PeerBusy(PeerDown):
    """Another server still fetches and checks what was asked for: `done` of `total` bytes; `retry_after` as for `PeerRefused`."""

    code = "PeerBusy"

    def __init__(self, message: str, *, done: int = 0, total: int = 0, retry_after: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.done = done
        self.total = total
        self.retry_after = retry_after


class PeerTooSlow(PeerError):
    """Another server did not answer in time."""

    code = "PeerTooSlow"


class PeerMisbehaved(PeerError):
    """Another server answered something that the protocol does not allow: too much, malformed, or a redirect elsewhere."""

    code = "PeerMisbehaved"


class PeerMalformed(PeerMisbehaved):
    """Another server answered in full what nobody can use, such as a list that is none: asking again soon brings the same."""

    code = "PeerMalformed"


class PeerRefused(PeerError):
    """Another server refused; `status` is what it answered, `retry_after` whole seconds if it said when to ask again."""

    code = "PeerRefused"

    def __init__(self, message: str, *, status: int = 0, retry_after: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after = retry_after


class EngineFailed(PeerError):
    """The program that runs a model ended, hung, or cannot do what a suite asks for."""

    code = "EngineFailed"


class StorageError(HanseError):
    """Our own disk, object store or database failed."""

    code = "Storage"


class StorageFull(StorageError):
    """No space is left for what should be stored; nothing acknowledged is lost."""

    code = "StorageFull"


class Busy(StorageError):
    """The node could not finish in time; the same request may be sent again."""

    code = "Busy"


class LeaseLost(StorageError):
    """Another process took the sequencer lease over; this one must not write any more."""

    code = "LeaseLost"
