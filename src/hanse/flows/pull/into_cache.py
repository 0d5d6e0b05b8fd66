"""The Hugging Face cache layout, as huggingface_hub 0.36, 1.33 and 2.4 read it without network.

    CACHE/models--NAMESPACE--NAME/
        blobs/ETAG               the bytes, named by SHA-256 (large files) or git blob id (others)
        snapshots/REV/PATH       a relative link to its blob
        refs/NAME                the commit id that NAME means, without line break
        trees/REV.json           every file of the revision, so that 1.33 and 2.4 can tell a partial snapshot from a whole one

What is there in part already is completed, what is there and is another file is replaced. Order, so that a crash leaves nothing
that looks complete: blobs, then the list of files, then the links, then the ref; all else is on disk before the ref is written.
The list has no Xet hashes: clients would fetch what is missing past whoever they were told to ask.

On a file system without symbolic links the files are in `snapshots` themselves and there are no `blobs`, which is what clients
write there; the list comes first then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from hanse.home import user_folder
from hanse.model.digest import GitOid
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType, parse_name, parse_path, parse_ref_part
from hanse.store.durable import make_directories, storage_errors, sync_directory
from hanse.store.sharing import makes_links, replace_link, replace_text

TREE_FORM = 1
"""Version of the list of files that is written."""
Put = Callable[[Iterable[tuple[FilePin, Path]]], None]
"""Brings the bytes of files to paths, in place of what may be there; on disk when it returns."""


def hub_cache(environ: Mapping[str, str]) -> Path:
    """Return where Hugging Face clients with this environment keep what they downloaded."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environ.get(name):
            return Path(environ[name]).expanduser().absolute()
    if environ.get("HF_HOME"):
        return Path(environ["HF_HOME"]).expanduser().absolute() / "hub"
    base = environ.get("XDG_CACHE_HOME") or str(user_folder(environ) / ".cache")
    return Path(base).expanduser().absolute() / "huggingface" / "hub"


def entry_folder(cache: Path, kind: RepoType, repo: str) -> Path:
    """Return the folder of a repository `namespace/name`, in the spelling in which clients will ask for it; raises BadRepoId."""
    return cache / "--".join([kind.plural, *(parse_name(part) for part in repo.split("/"))])


def blob_path(entry: Path, pin: FilePin) -> Path:
    """Return where the bytes of a file are."""
    return entry / "blobs" / pin.etag


def write_snapshot(entry: Path, rev: GitOid, ref: str, *, listed: Iterable[FilePin], pulled: Iterable[FilePin], put: Put) -> Path:
    """Write a revision into its entry and return the folder of its files.

    ref: the name by which it was asked for (`main`, `v1`, `refs/pr/1`), empty for a commit id; listed: every file of the
    revision; pulled: those to be there now. Raises StorageError, StorageFull, BadPath, and what `put` raises.
    """
    pins = list(pulled)
    snapshot, trees = entry / "snapshots" / rev, entry / "trees"
    links = {snapshot / parse_path(pin.path): pin for pin in pins}
    folders = {snapshot, trees, *(link.parent for link in links)}
    with storage_errors(f"make the cache entry {entry}"):
        make_directories(entry, (entry / "blobs", *folders))
    linking = makes_links(snapshot)
    if linking:
        put((pin, blob_path(entry, pin)) for pin in {one.etag: one for one in pins}.values())
    replace_text(trees / f"{rev}.json", tree_listing(listed), flushed=True)
    if linking:
        for link, pin in links.items():
            replace_link(link, f"{'../' * (2 + pin.path.count('/'))}blobs/{pin.etag}")
    else:
        put((pin, place) for place, pin in links.items())
    with storage_errors(f"write the cache entry {entry}"):
        for folder in folders:
            sync_directory(folder)
    if ref:
        _point(entry / "refs", ref, rev)
    return snapshot


def tree_listing(listed: Iterable[FilePin]) -> str:
    """Return the list of files as clients keep it."""
    files: dict[str, dict[str, str | int]] = {}
    for pin in sorted(listed, key=lambda one: one.path):
        files[pin.path] = {"size": pin.size, "blob_id": pin.git_oid}
        if pin.lfs and pin.sha256:
            files[pin.path] |= {"lfs_sha256": pin.sha256, "lfs_size": pin.size}
    return json.dumps({"format_version": TREE_FORM, "files": files}, indent=1)


def _point(refs: Path, ref: str, rev: GitOid) -> None:
    for part in ref.removeprefix("refs/").split("/"):
        parse_ref_part(part)
    path = refs / ref
    with storage_errors(f"write {path}"):
        make_directories(refs, [path.parent])
    replace_text(path, rev, flushed=True)
    with storage_errors(f"write {path}"):
        sync_directory(path.parent)
