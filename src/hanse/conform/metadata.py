"""What the origin says of repositories: info, tree, paths-info, refs and commits as a Hub does, and the lies in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hanse.clock import hub_time
from hanse.conform.faults import Fault, Faults
from hanse.conform.repos import OriginFile, OriginRepo, OriginRevision, folders

SKEW = 4_070_908_800
"""Unix seconds of a day in 2099."""
_EVIL_PATHS = ("../../evil.txt", "/etc/evil", "a/../../evil", "nul\0byte", ".git/config", "a\\..\\evil", "", "dot/./dot")


class Said:
    """What an origin says: its repositories seen through its faults.

    xet: whether large files have Xet hashes.
    """

    def __init__(self, faults: Faults, *, xet: bool) -> None:
        self._faults = faults
        self._xet = xet

    def revision(self, repo: OriginRepo, name: str) -> OriginRevision | None:
        """Return what the origin claims that `name` leads to."""
        found = repo.resolve(name)
        if found is None:
            return None
        if self._faults.take(Fault.HIDDEN_NEWER) and found is repo.newest and found is not repo.first:
            older = list(repo.revisions.values())[-2]
            return None if name == found.rev else older
        if name not in repo.revisions and self._faults.take(Fault.OLD_STATE):
            return repo.first
        return found

    def file(self, repo: OriginRepo, revision: OriginRevision, path: str) -> OriginFile | None:
        """Return the file as its digests are claimed."""
        file = revision.files.get(path)
        if file is None and path in _EVIL_PATHS and self._faults.take(Fault.BAD_PATHS):
            return next(iter(revision.files.values()))
        if file is not None and revision is repo.newest and self._faults.take(Fault.WRONG_REVISION, path):
            file = repo.first.files.get(path, file)
        if file is not None and self._faults.take(Fault.FALSE_CLAIMS, path):
            file = file.of(file.content.altered())
        return file

    def xet(self, revision: OriginRevision, file: OriginFile) -> str | None:
        """Return the Xet hash that is claimed of a file, None if none is."""
        if not self._xet or not file.lfs:
            return None
        if self._faults.take(Fault.SWAPPED_XET, file.path):
            others = [other for other in revision.files.values() if other.lfs and other.path != file.path]
            return (others[0].content if others else file.content.altered()).xet
        return file.content.xet

    def time(self, seconds: int) -> str:
        """Return a date as it is claimed."""
        return hub_time(SKEW if self._faults.take(Fault.CLOCK_SKEW) else seconds)

    def info(self, repo: OriginRepo, revision: OriginRevision, *, blobs: bool) -> dict[str, Any]:
        """Return the info of a revision."""
        found: dict[str, Any] = {
            "_id": revision.rev[:24],
            "id": repo.name,
            "author": repo.name.partition("/")[0],
            "sha": revision.rev,
            "lastModified": self.time(revision.at),
            "createdAt": self.time(repo.first.at),
            "private": False,
            "gated": "manual" if repo.tokens is not None else False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": [self._sibling(repo, revision, path, blobs=blobs) for path in revision.files],
        }
        return found | ({"modelId": repo.name} if repo.type.value == "model" else {}) | repo.card

    def _sibling(self, repo: OriginRepo, revision: OriginRevision, path: str, *, blobs: bool) -> dict[str, Any]:
        """Return a file as info lists it."""
        if not blobs:
            return {"rfilename": path}
        shown = self.item(repo, revision, path)
        found = {"rfilename": path, "size": shown["size"], "blobId": shown["oid"]}
        if "lfs" in shown:
            lfs = shown["lfs"]
            found["lfs"] = {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": lfs["pointerSize"]}
        return found

    def item(self, repo: OriginRepo, revision: OriginRevision, path: str) -> dict[str, Any]:
        """Return a file as the tree lists it."""
        file = self.file(repo, revision, path)
        assert file is not None
        size = file.content.size + (17 if self._faults.take(Fault.TREE_SIZE, path) else 0)
        found: dict[str, Any] = {"type": "file", "oid": file.git_oid, "size": size, "path": path}
        if file.lfs:
            found["lfs"] = {"oid": file.content.sha256, "size": size, "pointerSize": 120 + len(str(size))}
            xet = self.xet(revision, file)
            if xet is not None:
                found["xetHash"] = xet
        return found

    def tree(self, repo: OriginRepo, revision: OriginRevision, folder: str, *, recursive: bool) -> list[dict[str, Any]]:
        """Return the items below `folder` (empty: all), or only those right in it."""
        start = f"{folder}/" if folder else ""
        inside = [path for path in [*folders(revision.files), *revision.files] if path.startswith(start) and path != folder]
        if not recursive:
            inside = [path for path in inside if "/" not in path[len(start) :]]
        found = [
            self.item(repo, revision, path)
            if path in revision.files
            else {"type": "directory", "oid": revision.rev, "size": 0, "path": path}
            for path in sorted(inside)
        ]
        if self._faults.take(Fault.BAD_PATHS):
            found += [found[-1] | {"path": path, "type": "file"} for path in _EVIL_PATHS]
        return found

    def refs(self, repo: OriginRepo) -> dict[str, Any]:
        """Return the refs of a repository."""
        shown = {ref: self.revision(repo, ref) for ref in repo.refs}
        found = {
            kind: [
                {"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": made.rev}
                for ref, made in shown.items()
                if made is not None and ref.startswith(prefix)
            ]
            for kind, prefix in (("branches", "refs/heads/"), ("tags", "refs/tags/"), ("pullRequests", "refs/pr/"))
        }
        return found | {"converts": []}

    def commits(self, repo: OriginRepo, revision: OriginRevision) -> list[dict[str, Any]]:
        """Return the history of a revision, newest first."""
        return [
            {
                "id": made.rev,
                "title": f"Commit {made.rev[:7]}",
                "message": "",
                "authors": [{"user": "origin"}],
                "date": self.time(made.at),
            }
            for made in repo.history(revision.rev)
        ]


def json_body(faults: Faults, value: object) -> Iterator[bytes]:
    """Yield the JSON of `value` in pieces, or what a fault puts in its place."""
    if faults.take(Fault.HUGE_JSON):
        yield b'[{"junk":"'
        for _ in range(4096):
            yield b"A" * 1024 * 1024
        yield b'"}]'
    elif faults.take(Fault.DEEP_JSON):
        yield b"[" * 100_000 + b"]" * 100_000
    elif faults.take(Fault.NOT_JSON):
        yield b"<!doctype html><title>Sign in</title><p>Welcome to the free wireless network."
    else:
        yield json.dumps(value, separators=(",", ":")).encode()
