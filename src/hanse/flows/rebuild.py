"""Rebuild (`hanse admin rebuild`): the catalogue made again from objects and journal, after it was lost.

1. The catalogue is empty but for the node's own facts and what the operator made anew (accounts).
2. A batch of the journal that was staged is put in place; bundles, tiles and root are checked.
3. Every record and every bundle is read: they say in clear what concealed leaves mean.
4. Xorbs come from their tables; files from shards, chunk lists and records.
5. The journal is replayed, leaf by leaf, with the effects that the sequencer applies.
6. Each repository holds what its revisions name; revisions whose bytes are gone are erased.

All in one transaction. What cannot come back is the listed state of DESIGN.md section 7 (accounts, tokens, waivers, access
requests, discussions, who created what, gates) and uploads that no commit had named. Leaves of repositories that are not
public and whose records are gone belong to erased ones: they stay unreadable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from hanse.db import garbage, leaves, repos, revisions
from hanse.db.leaves import LogHead
from hanse.db.repos import Repo
from hanse.errors import BadProof, Conflict
from hanse.flows import effects
from hanse.flows.bundlebook import BundleBook
from hanse.flows.effects import Commit, Create, Delete, Effect, Move, Rename, Restore, Signed
from hanse.flows.effects import Visibility as VisibilityEffect
from hanse.flows.holdings import Named, settle_files
from hanse.flows.journal import complete_staged, read_head, read_log, stored_sizes
from hanse.flows.keyleaves import note_key_leaf
from hanse.flows.node import Node
from hanse.flows.rebuild_files import hold_named, restore_files
from hanse.flows.recordbook import RecordBook, RefMeaning
from hanse.model.conceal import conceal_value
from hanse.model.copies_leaf import CopiesLeaf
from hanse.model.digest import NO_GIT_OID, GitOid, Sha256
from hanse.model.key_leaf import KeyLeaf
from hanse.model.leaf import UnknownLeaf, leaf_id, parse_leaf
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, RepoOp
from hanse.model.repo import Origin, RepoType, Visibility, parse_repo_id
from hanse.model.trust_leaf import AttestLeaf, WithdrawLeaf
from hanse.tlog.hashing import EMPTY_ROOT, Frontier, leaf_hash


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was made again, and what was found damaged or missing on the way."""

    leaves: int
    repos: int
    revisions: int
    files: int
    xorbs: int
    problems: tuple[str, ...]


def rebuild(node: Node) -> Rebuilt:
    """Fill an empty catalogue from the object store; the node must not run.

    Raises Conflict if the catalogue has repositories, IntegrityError if the journal is damaged. Damage elsewhere is told.
    """
    # 1. and 2.
    with node.db.read() as conn:
        if repos.any_exist(conn) or leaves.head(conn) is not None:
            raise Conflict("the catalogue is not empty", hint="rebuild into a new database")
    complete_staged(node.store)
    size = max(stored_sizes(node.store), default=0)
    entries = read_log(node.store, size)
    root = Frontier().append(map(leaf_hash, entries))
    if size and root.root.hex() != read_head(node.store, size).root:
        raise BadProof(f"the journal's {size} leaves do not lead to the root of its head", hint="run hanse admin fsck")
    # 3.
    book, bundles = RecordBook(node.store), BundleBook(node.store)
    book.problems += bundles.problems
    with node.db.write() as conn:
        # 4.
        counts = restore_files(node, conn, book)
        # 5.
        replay = _Replay(conn, node.origin, book, bundles)
        for index, data in enumerate(entries):
            replay.apply(index, data)
        leaves.create_head(conn, LogHead(size, Sha256((root.root if size else EMPTY_ROOT).hex()), root.encode(), 0, None))
        # 6.
        named = Named(node.store)
        for repo in sorted(replay.known):
            book.problems += hold_named(conn, named, repo, node.clock.now())
            settle_files(conn, named, repo, stale=0)
            _close(conn, repo)
        for repo in replay.erased:
            garbage.scrub_repo(conn, repo, public=False)
    return Rebuilt(size, len(replay.known), replay.revisions, counts.files, counts.xorbs, tuple(book.problems))


def _close(conn: Connection, repo: int) -> None:
    """Count a deleted repository as erased if none of its revisions has its bytes any more."""
    found = repos.get(conn, repo)
    if found is not None and found.state != "live" and not revisions.all_of(conn, repo, ["retired", "withdrawn"]):
        repos.update_columns(conn, repo, state="erased")


_Token = tuple[str, str, str]
"""origin, type, and the repository as leaves have it."""


@dataclass
class _Replay:
    """Leaves applied one after another, as the sequencer did.

    known: rows of the repositories whose records are here; erased: those of which only what was public is left.
    """

    conn: Connection
    origin: Origin
    book: RecordBook
    bundles: BundleBook
    known: set[int] = field(default_factory=set)
    erased: set[int] = field(default_factory=set)
    revisions: int = 0
    _rows: dict[_Token, int] = field(default_factory=dict)
    _deleted: dict[str, int] = field(default_factory=dict)
    _heads: dict[tuple[int, str], GitOid] = field(default_factory=dict)
    _unsigned: dict[tuple[int, str], GitOid] = field(default_factory=dict)  # heads whose leaf nobody signed

    def apply(self, index: int, data: bytes) -> None:
        """Take in the leaf at `index`."""
        leaf = parse_leaf(data)
        if isinstance(leaf, UnknownLeaf):
            raise BadProof(f"leaf {index} of the journal is of a kind that this version does not know", hint="upgrade this node")
        row: dict[str, object] = {"leaf": data, "leaf_hash": leaf_id(data), "created_at": leaf.time, "index": index}
        row["kind"] = leaf.kind
        if isinstance(leaf, RepoLeaf):
            self._apply_repo(leaf, _token(leaf), row)
        elif isinstance(leaf, RefLeaf):
            self._apply_ref(leaf, _token(leaf), row)
        elif isinstance(leaf, AttestLeaf | WithdrawLeaf | CopiesLeaf):
            self._apply_said(leaf, row)
        else:
            self._enter(None, row, None)
            if isinstance(leaf, KeyLeaf):
                note_key_leaf(self.conn, leaf)

    def _apply_said(self, leaf: AttestLeaf | WithdrawLeaf | CopiesLeaf, row: Mapping[str, object]) -> None:
        repo = self._rows.get(_token(leaf))
        if isinstance(leaf, AttestLeaf) and leaf.origin != self.origin and not leaf.concealed:
            repo = self._observed(leaf, repo)
        repo = repo or self._lost(_token(leaf))
        entered = self._enter(repo, row, None)
        found = repos.get(self.conn, repo) if isinstance(leaf, AttestLeaf) and repo in self.known else None
        if isinstance(leaf, AttestLeaf) and found is not None:
            self.bundles.enter(self.conn, leaf, found, entered)

    def _enter(self, repo: int | None, row: Mapping[str, object], effect: Effect | None, **ref: object) -> int:
        text = effects.NONE if effect is None else effects.encode(effect)
        columns = {"ref": None, "seq": None, "rev": None, "tree": None, **ref}
        entered = leaves.append(self.conn, {**row, **columns, "repo_id": repo, "effect": text})
        if effect is not None:
            found = leaves.get(self.conn, entered)
            assert found is not None
            effects.apply_all(self.conn, [found])
        return entered

    def _apply_repo(self, leaf: RepoLeaf, token: _Token, row: Mapping[str, object]) -> None:
        meaning = self.book.repo_change(leaf, Sha256(str(row["leaf_hash"])), self._deleted.keys())
        if meaning is None:  # concealed, and its record is gone
            self._enter(self._lost(token), row, None)
            return
        before, after, record = meaning
        if leaf.op is RepoOp.CREATE:
            self._rows[token] = self._create(before, row, record)
            return
        repo = self._rows.pop(_shown(before), None)
        if repo is None:
            self.book.problems.append(f"leaf {row['index']} changes a repository that the journal never created")
            self._enter(self._lost(token), row, None)
            return
        effect = _effect(leaf.op, before, after, record)
        self._enter(repo, row, effect)
        if isinstance(effect, Delete):
            self.erased |= {repo} if leaf.op is RepoOp.VISIBILITY else set()
            self._deleted[str(row["leaf_hash"])] = repo
        else:
            self._rows[_shown(after)] = repo

    def _create(self, born: Repo, row: Mapping[str, object], record: str) -> int:
        """Enter a leaf that creates a repository, or brings a deleted one back, and return its row."""
        undone = self.book.restored(Sha256(str(row["leaf_hash"])))
        repo = None if undone is None else self._deleted.pop(undone, None)
        if repo is not None:
            self._enter(repo, row, Restore((born.salt or b"").hex(), record=record))
            return repo
        now = int(str(row["created_at"]))
        mirrored = born.repo.origin != self.origin
        made = repos.create(
            self.conn, born.repo, visibility=born.visibility, salt=born.salt, creator_id=None, now=now, mirrored=mirrored
        )
        self.known.add(made)
        self._enter(made, row, Create(record=record))
        return made

    def _apply_ref(self, leaf: RefLeaf, token: _Token, row: Mapping[str, object]) -> None:
        repo, meaning = self._rows.get(token), self.book.ref_change(leaf)
        if repo is None and meaning is not None and leaf.origin != self.origin:
            repo = self._mirror(token, meaning.repo, bytes.fromhex(meaning.salt), leaf.time)
        if repo is None or meaning is None or repo not in self.known:
            self._enter(self._lost(token), row, None)
            return
        place = (repo, str(meaning.ref))
        again = bool(leaf.sig) and self._unsigned.get(place) == meaning.rev
        effect = Signed() if again else self._commits(repo, leaf, meaning)
        self._heads[place] = meaning.rev
        if leaf.sig:
            self._unsigned.pop(place, None)
        else:
            self._unsigned[place] = meaning.rev
        self._enter(repo, row, effect, ref=meaning.ref, seq=leaf.seq, rev=meaning.rev, tree=meaning.tree)

    def _mirror(self, token: _Token, name: str, salt: bytes, now: int) -> int:
        """Return the row of a mirrored repository (`namespace/name` in lower case), of which no leaf says that it was made."""
        origin, kind = Origin(token[0]), RepoType(token[1])
        named = self.book.spelled.get((origin, kind.value, name, salt.hex())) or parse_repo_id(origin, kind, name)
        seen = Visibility.PRIVATE if salt else Visibility.PUBLIC
        made = repos.create(self.conn, named, visibility=seen, salt=salt or None, creator_id=None, now=now, mirrored=True)
        repos.take_name(self.conn, named, made)
        repos.update_columns(self.conn, made, state="live")
        self.known.add(made)
        self._rows[token] = made
        return made

    def _observed(self, leaf: AttestLeaf, repo: int | None) -> int | None:
        """Enter a revision of a mirror that a statement is about and no ref points at; return the repository's row."""
        commit = self.book.observed(leaf.origin, leaf.type, leaf.rev, repo=leaf.repo)
        if commit is None or (repo is not None and repo not in self.known):
            return repo
        made = repo or self._mirror(_token(leaf), leaf.repo, b"", leaf.time)
        if revisions.get(self.conn, made, leaf.rev) is None:
            revisions.insert_pending(self.conn, [{**commit.row, "repo_id": made}])
            revisions.make_live(self.conn, [(made, leaf.rev)])
            self.revisions += 1
        return made

    def _commits(self, repo: int, leaf: RefLeaf, meaning: RefMeaning) -> Effect:
        """Enter the commits that the ref's new head needs and that are new, and return the leaf's effect."""
        move = Move(meaning.message, record=meaning.record)
        if meaning.rev == NO_GIT_OID:
            return move
        new: list[dict[str, object]] = []
        at: GitOid | None = meaning.rev
        while at is not None and revisions.get(self.conn, repo, at) is None:
            commit = self.book.commit(leaf, meaning, at)
            if commit is None:
                self.book.problems.append(f"the revision object of {at} is missing")
                break
            new.append({**commit.row, "repo_id": repo})
            at = commit.parent
        revisions.insert_pending(self.conn, new[::-1])
        self.revisions += len(new)
        head = self._heads.get((repo, meaning.ref), NO_GIT_OID)
        if len(new) == 1 and not meaning.record and (at or NO_GIT_OID) == head:
            return Commit()
        # As when a history is written anew: what a ref reaches comes to life with its leaf.
        revisions.set_state(self.conn, repo, [str(row["rev"]) for row in new], "retired", leaf.time)
        return move

    def _lost(self, token: _Token) -> int:
        """Return the row that stands for a repository of which only unreadable leaves are left."""
        if token not in self._rows:
            self._rows[token] = repos.create_erased(self.conn, Origin(token[0]), RepoType(token[1]))
        return self._rows[token]


def _token(leaf: RefLeaf | RepoLeaf | AttestLeaf | WithdrawLeaf | CopiesLeaf) -> _Token:
    return (str(leaf.origin), leaf.type.value, leaf.repo)


def _shown(repo: Repo) -> _Token:
    name = repo.repo.folded if repo.salt is None else conceal_value(repo.salt, "repo", repo.repo.folded)
    return (str(repo.repo.origin), repo.repo.type.value, name)


def _effect(op: RepoOp, before: Repo, after: Repo, record: str) -> Effect:
    if op is RepoOp.DELETE:
        return Delete("retired" if before.public else "withdrawn", record=record)
    if op is RepoOp.VISIBILITY and not after.public and not record:
        return Delete("withdrawn")  # its salt is gone: it was erased, and what came after cannot be read
    if op is RepoOp.VISIBILITY:
        return VisibilityEffect(after.visibility.value, (after.salt or b"").hex(), record=record)
    return Rename(after.repo.namespace, after.repo.name, record=record)
