"""Names of repositories: origin, type, case-folded namespace and name, refs and file paths (DESIGN.md section 4).

Every table, leaf, route and file that names a repository carries all three parts. Names are compared in ASCII lower case
and shown as registered.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from enum import Enum
from typing import NewType

from hanse.errors import BadPath, BadRepoId
from hanse.model.digest import is_git_oid

Origin = NewType("Origin", str)
"""Who answers for a name: `[a-z0-9][a-z0-9.-]{0,252}`."""
RefName = NewType("RefName", str)
"""Full ref name such as `refs/heads/main`, `refs/tags/v1`, `refs/pr/1`."""

MAX_PATH_BYTES = 4096
MAX_PATH_DEPTH = 64
_NAME_CHARS = frozenset(string.ascii_letters + string.digits + "-_.")
_ORIGIN_CHARS = frozenset(string.ascii_lowercase + string.digits + ".-")
_PLAIN_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,254}").fullmatch
_REF_FORBIDDEN = frozenset(" ~^:?*[\\\x7f") | frozenset(map(chr, range(32)))


class RepoType(str, Enum):
    """Kind of repository; the plural is the API prefix."""

    MODEL = "model"
    DATASET = "dataset"

    @property
    def plural(self) -> str:
        """Path segment under /api: `models` or `datasets`."""
        return f"{self.value}s"

    @property
    def prefix(self) -> str:
        """Path prefix of web and resolve routes: empty or `datasets/`."""
        return "" if self is RepoType.MODEL else f"{self.value}s/"


class Visibility(str, Enum):
    """Who may see a repository: everybody, members of the federation, or its own people."""

    PUBLIC = "public"
    FEDERATION = "federation"
    PRIVATE = "private"


class State(str, Enum):
    """State of a revision or repository (DESIGN.md section 7)."""

    LIVE = "live"
    RETIRED = "retired"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class RepoId:
    """Identity of a repository: origin, type and namespace/name in the spelling it was given."""

    origin: Origin
    type: RepoType
    namespace: str
    name: str

    @property
    def path(self) -> str:
        """`namespace/name` as spelled."""
        return f"{self.namespace}/{self.name}"

    @property
    def folded(self) -> str:
        """`namespace/name` in ASCII lower case: the form that is compared, stored as key and logged."""
        return self.path.lower()

    def __str__(self) -> str:
        return f"{self.origin}/{self.type.prefix}{self.path}"


def parse_origin(text: str) -> Origin:
    """Return the origin written in `text`; raises BadRepoId unless it matches `[a-z0-9][a-z0-9.-]{0,252}`."""
    if not 1 <= len(text) <= 253 or not _ORIGIN_CHARS.issuperset(text) or text[0] in ".-":
        raise BadRepoId(
            f"an origin is 1 to 253 of a-z 0-9 . - and starts with a letter or digit, got {text[:80]!r}",
            hint="use a host name without port, such as models.example.org",
        )
    return Origin(text)


def parse_repo_type(text: str) -> RepoType:
    """Return the repository type written in `text`, singular or plural; raises BadRepoId for spaces and others."""
    for kind in RepoType:
        if text in (kind.value, kind.plural):
            return kind
    raise BadRepoId(f"repository type {text[:40]!r} is not served here", hint="this node serves models and datasets")


def parse_name(text: str, what: str = "name") -> str:
    """Return one half of a repository id; raises BadRepoId.

    Rules of the Hugging Face clients: 1 to 96 of letters, digits, `-`, `_`, `.`; no `--` or `..`; does not start or end with
    `-` or `.`; does not end with `.git` or `.ipynb`.
    """
    bad = (
        not 1 <= len(text) <= 96
        or not _NAME_CHARS.issuperset(text)
        or "--" in text
        or ".." in text
        or text[0] in "-."
        or text[-1] in "-."
        or text.lower().endswith((".git", ".ipynb"))
    )
    if bad:
        raise BadRepoId(
            f"{what} {text[:120]!r} is not allowed",
            hint="use 1 to 96 letters, digits, '-', '_' and '.', without '--' or '..', not starting or ending in '-' or '.'",
        )
    return text


def parse_repo_id(origin: Origin, kind: RepoType, path: str) -> RepoId:
    """Return the RepoId for `namespace/name`; raises BadRepoId."""
    namespace, slash, name = path.partition("/")
    if not slash or "/" in name:
        origin_too = "." in namespace and name.count("/") == 1
        hint = f"names of {namespace[:120]} are namespace/name at NODE/o/{namespace[:120]}" if origin_too else ""
        raise BadRepoId(f"a repository id is namespace/name, got {path[:200]!r}", hint=hint)
    return RepoId(origin, kind, parse_name(namespace, "namespace"), parse_name(name))


def parse_path(text: str) -> str:
    """Return a file path inside a repository, exactly as given (no Unicode normalisation); raises BadPath.

    Refused: empty, over 4,096 bytes or 64 segments, leading `/`, backslash, NUL, unpaired surrogates, and segments that are
    empty, `.`, `..` or `.git` (any case).
    """
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise BadPath("a path must be valid UTF-8") from error
    segments = text.split("/")
    if not 0 < size <= MAX_PATH_BYTES or len(segments) > MAX_PATH_DEPTH:
        raise BadPath(f"a path has 1 to {MAX_PATH_BYTES} bytes in at most {MAX_PATH_DEPTH} segments, got {text[:120]!r}")
    if any(char in text for char in ("\\", "\0", "\n", "\r")):
        raise BadPath(f"a path must not contain a backslash, NUL or line break: {text[:120]!r}")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in segments):
        raise BadPath(
            f"path {text[:120]!r} has an empty, '.', '..' or '.git' segment",
            hint="send the path relative to the repository root, with '/' between folders",
        )
    return text


def parse_ref_part(text: str) -> str:
    """Return a branch or tag name (without `refs/…/`); raises BadRepoId by git's check-ref-format rules."""
    if _PLAIN_REF(text) and text != "HEAD" and not is_git_oid(text):  # most names: no rule below refuses one of these
        return text
    parts = text.split("/")
    bad = (
        not 1 <= len(text.encode("utf-8", "surrogatepass")) <= 255
        or any("\ud800" <= char <= "\udfff" for char in text)
        or _REF_FORBIDDEN.intersection(text)
        or ".." in text
        or "@{" in text
        or text in ("@", "HEAD")
        or is_git_oid(text)  # a branch must never look like a pinned commit
        or text.startswith("-")
        or text.endswith(".")
        or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
    )
    if bad:
        raise BadRepoId(f"{text[:120]!r} is not a valid branch or tag name")
    return text


def branch_ref(name: str) -> RefName:
    """Return the full ref of a branch; raises BadRepoId."""
    return RefName(f"refs/heads/{parse_ref_part(name)}")


def tag_ref(name: str) -> RefName:
    """Return the full ref of a tag; raises BadRepoId."""
    return RefName(f"refs/tags/{parse_ref_part(name)}")


def pull_ref(number: int) -> RefName:
    """Return the full ref of pull request `number`."""
    return RefName(f"refs/pr/{number}")
