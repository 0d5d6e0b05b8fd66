"""What a site says it has: what is not there is none, what does not parse is misbehaving."""

from __future__ import annotations

import pytest

from hanse.errors import NotFoundError, PeerMisbehaved, PeerRefused
from hanse.model.canonical import canonical
from hanse.model.digest import GitOid
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.model.staticlayout import INDEX, NAMESPACES, StaticIndex, StaticRefs, encode_namespaces, evidence_path, refs_path
from hanse.peers.client import Answer
from hanse.peers.staticsite import StaticSite

REV = GitOid("a" * 40)
MODEL = RepoType.MODEL
_INDEX = StaticIndex(Origin("hub.example.org"), 1, 2, 3)
_REFS = StaticRefs(RepoId(_INDEX.origin, MODEL, "Alice", "M"), {"refs/heads/main": REV})


class Files:
    """A web server's files; what is not among them has the status that the server gives to that."""

    def __init__(self, files: dict[str, bytes], missing: int = 404) -> None:
        self.files, self.missing = files, missing

    def get(self, url: str, *, limit: int) -> Answer:
        """Return a file."""
        data = self.files.get(url.removeprefix("https://files.example/"))
        assert data is None or len(data) <= limit
        return Answer(self.missing, "", b"<html>") if data is None else Answer(200, "", data)


def _site(files: dict[str, bytes], missing: int = 404) -> StaticSite:
    return StaticSite(Files(files, missing), "https://files.example/")


def _whole() -> dict[str, bytes]:
    return {
        INDEX: canonical(_INDEX.as_json()),
        NAMESPACES: encode_namespaces(["alice"]),
        refs_path(MODEL, "alice/m"): canonical(_REFS.as_json()),
        evidence_path(MODEL, "alice/m", REV): b"{}\n",
    }


@pytest.mark.parametrize("missing", [403, 404, 410])
def test_what_is_there_and_what_is_not(missing: int) -> None:
    """A site is known by its index; names lead to evidence; what is missing is none, in each way that servers say so."""
    site = _site(_whole(), missing)
    assert site.index() == _INDEX
    assert site.require_evidence(MODEL, "alice/m", "main") == site.require_evidence(MODEL, "alice/m", REV) == b"{}\n"
    assert site.namespaces() == {"alice"}
    assert site.refs(MODEL, "alice/none") is None
    for revision in ("v1", "b" * 40):
        with pytest.raises(NotFoundError):
            site.require_evidence(MODEL, "alice/m", revision)
    assert _site({}, missing).index() is None


def test_a_page_for_every_address() -> None:
    """A server that answers everything with a page is no site; a site's file that does not parse is misbehaving."""
    assert _site({INDEX: b"<html>"}).index() is None
    with pytest.raises(PeerMisbehaved, match="refs/models"):
        _site(_whole() | {refs_path(MODEL, "alice/m"): b"<html>"}).find(MODEL, "alice/m", "main")
    with pytest.raises(PeerRefused):
        _site({}, 400).namespaces()
