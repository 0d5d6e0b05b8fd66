"""The error table: every class has a status, and the Hub's codes reach the client."""

from __future__ import annotations

import json

import pytest

from hanse import errors
from hanse.web.errors import error_response, status_of


def _every(root: type[errors.HanseError]) -> list[type[errors.HanseError]]:
    return [root, *(found for sub in root.__subclasses__() for found in _every(sub))]


def _make(kind: type[errors.HanseError]) -> errors.HanseError:
    if issubclass(kind, errors.RateLimited):
        return kind("slow down", retry_after=7)
    if issubclass(kind, errors.GatedRepo):
        return kind("ask first", anonymous=True)
    return kind("what happened", hint="what to do")


@pytest.mark.parametrize("kind", _every(errors.HanseError), ids=lambda kind: kind.__name__)
def test_every_error_is_a_json_object_with_code(kind: type[errors.HanseError]) -> None:
    """Each error renders as a JSON object with a 4xx or 5xx status and a message."""
    response = error_response(_make(kind), anonymous=False)
    assert 400 <= response.status_code < 600
    assert isinstance(json.loads(bytes(response.body))["error"], str)


def test_missing_repo_is_401_to_anonymous_callers() -> None:
    """Whoever is not logged in cannot tell a private repository from a missing one; the code is always there."""
    error = errors.RepoNotFound("no such repository")
    assert status_of(error, anonymous=True) == 401
    assert status_of(error, anonymous=False) == 404
    assert error_response(error, anonymous=True).headers["x-error-code"] == "RepoNotFound"


def test_what_is_missing_or_recalled_names_the_commit() -> None:
    """X-Repo-Commit on a missing file lets clients remember that it does not exist, on a recall which commit a name meant."""
    for error in (errors.EntryNotFound("Entry not found", rev="a" * 40), errors.Recalled("it is malicious", rev="a" * 40)):
        assert error_response(error, anonymous=False).headers["x-repo-commit"] == "a" * 40


@pytest.mark.parametrize("kind", [errors.Disabled, errors.BadToken])
def test_exact_texts_carry_no_code(kind: type[errors.HanseError]) -> None:
    """Clients recognise a disabled repository and a bad token by exact text and absent code."""
    response = error_response(kind("whatever", hint="hidden"), anonymous=False)
    assert "x-error-code" not in response.headers
    assert response.headers["x-error-message"] in (
        "Access to this resource is disabled.",
        "Invalid credentials in Authorization header",
    )


def test_header_injection_is_flattened() -> None:
    """Line breaks and non-latin text in a message cannot break the header."""
    response = error_response(errors.InputError("a\r\nSet-Cookie: x\n日本"), anonymous=False)
    assert "\n" not in response.headers["x-error-message"]


@pytest.mark.parametrize("kind", ["api", "resolvers"])
def test_rate_limits_say_when_to_come_back(kind: str) -> None:
    """A 429 carries Retry-After in whole seconds and the headers that clients print."""
    error = errors.RateLimited("slow down", retry_after=55, limit=500, window=300, kind=kind)
    response = error_response(error, anonymous=False)
    assert response.headers["retry-after"] == "55"
    assert response.headers["ratelimit"] == f'"{kind}";r=0;t=55'
    assert response.headers["ratelimit-policy"] == f'"fixed window";"{kind}";q=500;w=300'
