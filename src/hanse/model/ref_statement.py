"""The statement by which the owner of a namespace sets a ref to a revision.

It is an in-toto Statement v1 in the canonical form of RFC 8785, with one subject (the revision: its commit id, and `tree` under
`sha256`) and the predicate type `https://hanse/ref/v1`, whose fields are those of the position:

    {"_type":"https://in-toto.io/Statement/v1","predicate":{"origin","ref","repo","rev","seq","tree","type"},
     "predicateType":"https://hanse/ref/v1","subject":[{"digest":{"gitCommit":REV,"sha256":TREE},"name":REPO}]}

`repo` is in lower case, as leaves have it. Everything in it is in an `attest` leaf with `ref` and `seq`, so whoever replays a log
rebuilds the bytes and checks the owner's signature without fetching anything.
"""

from __future__ import annotations

from hanse.model.canonical import canonical
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin, RefName, RepoType

REF_PREDICATE = "https://hanse/ref/v1"
_STATEMENT = "https://in-toto.io/Statement/v1"
_IN_TOTO = b"application/vnd.in-toto+json"


def ref_payload(origin: Origin, kind: RepoType, repo: str, ref: RefName, *, seq: int, rev: GitOid, tree: Sha256) -> bytes:
    """Return the statement that position `seq` of a ref is `rev` with the files of `tree`; all zeros: the ref is deleted.

    repo: `namespace/name` in lower case. Raises BadFormat for a text without UTF-8 form.
    """
    said = {"origin": origin, "type": kind.value, "repo": repo, "ref": ref, "seq": seq, "rev": rev, "tree": tree}
    subject = {"name": repo, "digest": {"gitCommit": rev, "sha256": tree}}
    return canonical({"_type": _STATEMENT, "subject": [subject], "predicateType": REF_PREDICATE, "predicate": said})


def ref_signed(payload: bytes) -> bytes:
    """Return what the owner's signature is over: the DSSE pre-authentication encoding of the statement."""
    return b"DSSEv1 %d %b %d %b" % (len(_IN_TOTO), _IN_TOTO, len(payload), payload)
