"""A node's things as static files, written so that a reader at any moment finds what the checkpoint stands for.

1. The bytes: xorbs, terms, chunk lists (`hanse.flows.static.contents`).
2. Evidence of each revision, then the names that lead to it.
3. The log up to its size of now, in every width that a checkpoint shown in evidence needs; the federations.
4. What came so far is made durable; `hanse.json` and, last, the checkpoint.

An interrupted writing is done again: what never changes, and is there, is neither read nor written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from hanse.db import logged
from hanse.errors import HanseError, NotFoundError
from hanse.flows import evidence
from hanse.flows.advisories import book as advised
from hanse.flows.effects import MAIN
from hanse.flows.node import Node
from hanse.flows.static.choose import Chosen, choose
from hanse.flows.static.contents import write_contents
from hanse.flows.static.output import Output
from hanse.flows.static.selection import LeftOut, Selection, Written, WrittenRepo
from hanse.flows.static.sink import Sink
from hanse.model.canonical import canonical
from hanse.model.digest import GitOid
from hanse.model.evidence import parse_evidence
from hanse.model.key_leaf import KeyLeaf
from hanse.model.leaf import parse_leaf
from hanse.model.staticlayout import (
    CHECKPOINT,
    FEDERATIONS,
    INDEX,
    NAMESPACES,
    StaticIndex,
    StaticRefs,
    advisory_path,
    encode_namespaces,
    evidence_path,
    federation_path,
    log_path,
    refs_path,
)
from hanse.tlog.checkpoint import parse_checkpoint
from hanse.tlog.note import parse_note
from hanse.tlog.tiles import WIDTH, TileName, edge_names


def write_static(node: Node, sink: Sink, select: Selection | None = None) -> Written:
    """Write what `select` takes (everything public if None) to a sink; return what is there now.

    Raises StorageFull or StorageError; BlobNotFound if bytes that the catalogue names are gone.
    """
    select = select or Selection()
    written = Written()
    out = Output(sink, written)
    # 1.
    chosen = list(choose(node, select, written))
    write_contents(node, out, (row for one in chosen for row in one.files.values()))
    # 2.
    sizes = {size for one in chosen for size in _evidence(node, out, one)}
    for one in chosen:
        named = StaticRefs(one.repo.repo, {str(ref): rev for ref, rev in one.refs.items()})
        out.put(refs_path(one.repo.repo.type, one.repo.repo.folded, one.place), canonical(named.as_json()))
        revs = tuple(rev for rev in one.revs if rev in one.whole)
        written.repos.append(WrittenRepo(one.repo.repo, revs))
    if not select.log:
        sink.settle()
        return written
    # 3.
    size = node.log.size
    checkpoint = node.log.checkpoint(size)
    _log(node, out, size, sizes)
    _advisories(node, out)
    _federations(node, out)
    out.put(NAMESPACES, encode_namespaces(_namespaces(node)))
    # 4.
    sink.settle()
    written.index = StaticIndex(node.origin, size, node.clock.now(), len(chosen))
    out.put(INDEX, canonical(written.index.as_json()))
    out.put(CHECKPOINT, checkpoint)
    sink.settle()
    return written


def _evidence(node: Node, out: Output, chosen: Chosen) -> Iterator[int]:
    """Write the evidence of each revision; yield the sizes of this node's log that it shows."""
    repo = chosen.repo
    for rev in chosen.revs:
        try:
            data = _of_revision(node, chosen, rev)
        except NotFoundError as error:  # withdrawn a moment ago
            out.written.left_out.append(LeftOut(repo.repo, rev, error.message))
            continue
        out.put(evidence_path(repo.repo.type, repo.repo.folded, rev, chosen.place), data)
        shown = parse_evidence(data)
        if shown.bundles:
            out.written.signed.add((repo.repo, rev))
        for log in shown.logs:
            if log.origin == node.origin:
                yield parse_checkpoint(parse_note(log.checkpoint)).claimed.size


def _of_revision(node: Node, chosen: Chosen, rev: GitOid) -> bytes:
    """Return the evidence of a revision, asked for by the name that most readers will use."""
    names = sorted((ref for ref, at in chosen.refs.items() if at == rev), key=lambda ref: (ref != MAIN, ref))
    for name in names[:1]:
        found, data = evidence.of_revision(node, chosen.repo, name)
        if found == rev:
            return data
    return evidence.of_revision(node, chosen.repo, rev)[1]


def _log(node: Node, out: Output, size: int, shown: set[int]) -> None:
    """Write all files of a log of `size` leaves, and the partial ones of the sizes that evidence shows."""
    for name in _tiles(size):
        out.put(log_path(name.path), node.log.files.read(name))
    for at in sorted(one for one in shown if one < size):
        for name in edge_names(at):
            if name.level is not None:
                out.put(log_path(name.path), node.log.files.read(name))


def _advisories(node: Node, out: Output) -> None:
    """Write the statements of advisories that this node knows of, where a node answers them."""
    for one in advised.known(node):
        with suppress(NotFoundError):
            out.put(advisory_path(one.payload), advised.bundle_of(node, one.payload))


def _tiles(size: int) -> Iterator[TileName]:
    """Yield every entry bundle and hash tile of a log of `size` leaves."""
    for index in range(-(-size // WIDTH)):
        yield TileName(None, index, min(WIDTH, size - index * WIDTH))
    level, count = 0, size
    while count:
        for index in range(-(-count // WIDTH)):
            yield TileName(level, index, min(WIDTH, count - index * WIDTH))
        level, count = level + 1, count // WIDTH


def _federations(node: Node, out: Output) -> None:
    """Write the federations that the node is in, so that readers can walk along them."""
    files = node.federations
    if files is None:
        return
    for name in files.names():
        for what in ("root", "targets", "files"):
            folder = files.path(name) / what
            for path in sorted(folder.iterdir()) if folder.is_dir() else []:
                try:
                    data = files.read(name, what, path.name)
                except HanseError:  # left over from a crash
                    continue
                out.put(federation_path(name, what, path.name), data)
    out.put(FEDERATIONS, canonical(files.listed()))


def _namespaces(node: Node) -> list[str]:
    """Return the namespaces that a key of this node's log answers for, in lower case."""
    with node.db.read() as conn:
        rows = logged.key_leaves(conn)
    found = {leaf.namespace.lower() for row in rows if isinstance(leaf := parse_leaf(row.leaf), KeyLeaf) and leaf.namespace}
    return sorted(found)
