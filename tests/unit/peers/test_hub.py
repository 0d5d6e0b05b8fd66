"""Names of origins and what refusals of a Hub mean; asking one is proved in tests/contract/test_hub.py."""

from __future__ import annotations

import pytest

from hanse.errors import (
    EntryNotFound,
    HanseError,
    InputError,
    NotFoundError,
    PeerDown,
    PeerRefused,
    RepoNotFound,
    RevisionNotFound,
)
from hanse.peers.hub import Hub, error_of, origin_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://huggingface.co", "huggingface.co"),
        ("https://Models.Example.org/", "models.example.org"),
        ("https://models.example.org:443/hub", "models.example.org"),
        ("http://127.0.0.1:8080", "127.0.0.1-8080"),
        ("http://models.example.org", "models.example.org"),
        ("https://models.example.org:80", "models.example.org-80"),
        ("http://[::1]:8080", "1-8080"),
    ],
)
def test_origins(url: str, origin: str) -> None:
    """An origin is its host, with its port where that is not the scheme's own."""
    assert origin_of(url) == origin
    assert Hub(url).origin == origin


def test_what_is_no_address() -> None:
    """Neither names nor addresses with credentials are an origin's address."""
    for bad in ("huggingface.co", "https://token@huggingface.co", "ftp://huggingface.co"):
        with pytest.raises(InputError):
            origin_of(bad)


@pytest.mark.parametrize(
    ("status", "code", "path", "kind"),
    [
        (401, "RepoNotFound", "", RepoNotFound),
        (404, "RepoNotFound", "", RepoNotFound),
        (404, "", "", RepoNotFound),
        (404, "RevisionNotFound", "", RevisionNotFound),
        (404, "EntryNotFound", "a", EntryNotFound),
        (404, "", "a", EntryNotFound),
        (404, "Strange", "", NotFoundError),
        (401, "GatedRepo", "", PeerRefused),
        (403, "", "", PeerRefused),
        (429, "", "", PeerRefused),
        (503, "", "", PeerDown),
    ],
)
def test_refusals(status: int, code: str, path: str, kind: type[HanseError]) -> None:
    """Missing things are told apart by the Hub's codes; 401 with RepoNotFound is how nobody in particular learns of one."""
    headers = {"x-error-code": code, "x-error-message": "some\n words"}
    error = error_of(status, headers, "a", repo="o/n", rev="main", path=path)
    assert type(error) is kind
    assert "some words" in error.message
