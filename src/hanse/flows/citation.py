"""How to cite a revision: BibTeX, CITATION.cff, Software Heritage identifiers, and what ties them to bytes.

The identifiers are computed from the git ids of the revision, so that an archive that has it gives it the same ones; `tree` is
the digest of all its files, and the log index says where it was published for everybody to check.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from hanse.clock import rfc3339
from hanse.content.card import texts
from hanse.db import accounts, logged
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.flows import access
from hanse.flows.node import Node
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin, RepoType

MAX_AUTHOR = 200
SPDX = {
    "agpl-3.0": "AGPL-3.0-only",
    "apache-2.0": "Apache-2.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "cc0-1.0": "CC0-1.0",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0",
    "gpl-3.0": "GPL-3.0-only",
    "lgpl-3.0": "LGPL-3.0-only",
    "mit": "MIT",
    "mpl-2.0": "MPL-2.0",
}
"""Licences as cards name them -> SPDX identifiers, the only ones that CITATION.cff takes."""
_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
} | {char: f"\\{char}" for char in "&%$#_"}


@dataclass(frozen=True, slots=True)
class Citation:
    """Everything that a citation of one revision says.

    origin: who answers for the name; author: the namespace as its account names itself; date: day of the commit; index: of the
    first leaf in the log of `log` that names the revision, None for a repository that is not public; licence: as the card has it,
    "" if it says nothing.
    """

    origin: Origin
    type: RepoType
    repo: str
    author: str
    date: str
    rev: GitOid
    directory: GitOid
    tree: Sha256
    index: int | None
    licence: str
    url: str
    log: Origin

    @property
    def swh_revision(self) -> str:
        """The SWHID of the commit."""
        return f"swh:1:rev:{self.rev}"

    @property
    def swh_directory(self) -> str:
        """The SWHID of the files, with the commit that they are of."""
        return f"swh:1:dir:{self.directory};anchor={self.swh_revision}"

    def bibtex(self) -> str:
        """Return a BibTeX entry; names of strangers cannot end it."""
        key = "".join(char if char.isalnum() and char.isascii() else "_" for char in f"{self.repo}_{self.rev[:8]}")
        logged = "" if self.index is None else f", leaf {self.index} in the log of {self.log}"
        mirrored = "" if self.origin == self.log else f"of {self.origin}, "
        note = f"{mirrored}commit {self.rev}, tree sha256:{self.tree}, {self.swh_revision}{logged}"
        fields = {
            "author": f"{{{_tex(self.author)}}}",
            "title": f"{{{_tex(self.repo)}}}",
            "year": self.date[:4],
            "month": str(int(self.date[5:7])),
            "version": self.rev,
            "howpublished": f"\\url{{{self.url}}}",
            "note": _tex(note),
        }
        lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
        return f"@misc{{{key},\n{lines}}}\n"

    def cff(self) -> str:
        """Return a CITATION.cff (version 1.2.0); every value is written as a JSON text, which YAML reads as it is."""
        kind = "dataset" if self.type is RepoType.DATASET else "software"
        ids = [
            ("swh", self.swh_revision, "The commit"),
            ("swh", f"swh:1:dir:{self.directory}", "The files of the commit"),
            ("other", f"sha256:{self.tree}", "Merkle root over path, size, SHA-256 and Xet hash of every file"),
        ]
        if self.index is not None:
            ids.append(("other", f"{self.log}/log/{self.index}", "Leaf in the transparency log that names the commit"))
        lines = [
            "cff-version: 1.2.0",
            f"message: {_text('If you use this, please cite exactly this revision.')}",
            f"type: {kind}",
            f"title: {_text(self.repo)}",
            "authors:",
            f"  - name: {_text(self.author)}",
            f"version: {_text(self.rev)}",
            f"date-released: {self.date}",
            f"url: {_text(self.url)}",
            *([f"license: {SPDX[self.licence]}"] if self.licence in SPDX else []),
            "identifiers:",
        ]
        for name, value, what in ids:
            lines += [f"  - type: {name}", f"    value: {_text(value)}", f"    description: {_text(what)}"]
        return "\n".join(lines) + "\n"

    def as_json(self) -> dict[str, Any]:
        """Return all parts as plain values, both texts among them."""
        found = asdict(self) | {"type": self.type.value, "swhRevision": self.swh_revision, "swhDirectory": self.swh_directory}
        return found | {"bibtex": self.bibtex(), "cff": self.cff()}


def cite(node: Node, repo: Repo, rev: str, base: str) -> Citation:
    """Return the citation of a revision; base: address of the node as clients see it.

    Raises RevisionNotFound or Disabled.
    """
    revision = access.resolve_revision(node, repo, rev)
    directory = node.listings.get(node.store, revision.object).directory
    with node.db.read() as conn:
        account = None if repo.mirrored else accounts.find_account(conn, repo.repo.namespace)
        index = logged.first_logged(conn, repo.id, [revision.rev]).get(revision.rev) if repo.public else None
    author = (account.fullname if account is not None else "") or repo.repo.namespace
    return Citation(
        origin=repo.repo.origin,
        type=repo.repo.type,
        repo=repo.repo.path,
        author=_line(author)[:MAX_AUTHOR],
        date=rfc3339(revision.created_at)[:10],
        rev=revision.rev,
        directory=directory.oid(),
        tree=revision.tree,
        index=index,
        licence=_licence(repo, revision),
        url=f"{base}/{repo.repo.type.prefix}{repo.repo.path}/tree/{revision.rev}",
        log=node.origin,
    )


def _licence(repo: Repo, revision: Revision) -> str:
    """Return the licence that the card names, where the card is that of this revision."""
    if repo.card is None or repo.indexed != revision.rev:
        return ""
    return ", ".join(texts(json.loads(repo.card).get("license")))[:MAX_AUTHOR]


def _line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _tex(text: str) -> str:
    return "".join(_TEX.get(char, char) for char in text)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
