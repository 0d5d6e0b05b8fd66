"""Routes over raw path segments."""

from __future__ import annotations

import pytest
from starlette.responses import Response

from hanse.errors import BadPath
from hanse.web.routing import Call, Route, Table, split_raw_path


async def _handler(call: Call) -> Response:
    return Response(call.base)


TABLE = Table(
    [
        Route("GET", "/healthz", _handler),
        Route("GET", "/api/{kind}/{repo}", _handler),
        Route("GET", "/api/{kind}/{repo}/tree/{rev}", _handler),
        Route("GET", "/api/{kind}/{repo}/tree/{rev}/{path*}", _handler),
        Route("POST", "/api/{kind}/{repo}/commit/{rev}", _handler),
        Route("GET", "/datasets/{repo}/resolve/{rev}/{path*}", _handler),
        Route("GET", "/{repo}/resolve/{rev}/{path*}", _handler),
    ],
    {"gpt2": "openai-community/gpt2"},
)


def _find(method: str, path: str) -> tuple[str, dict[str, str]] | set[str]:
    found = TABLE.find(method, split_raw_path(path.encode()))
    return found if isinstance(found, set) else (found[0].pattern, found[1])


def test_encoded_slashes_stay_in_their_segment() -> None:
    """A branch name with %2F is one parameter, and so is a quoted path."""
    assert _find("GET", "/api/models/a/b/tree/feature%2Fx/sub%2Fdir") == (
        "/api/{kind}/{repo}/tree/{rev}/{path*}",
        {"kind": "models", "repo": "a/b", "rev": "feature/x", "path": "sub/dir"},
    )


def test_plain_path_rest() -> None:
    """Unquoted slashes in the rest are joined again."""
    found = _find("GET", "/a/b/resolve/main/x/y.bin")
    assert found == ("/{repo}/resolve/{rev}/{path*}", {"repo": "a/b", "rev": "main", "path": "x/y.bin"})


def test_datasets_prefix_wins_over_a_namespace() -> None:
    """`/datasets/ns/name/resolve/…` is a dataset, never a model of namespace `datasets`."""
    found = _find("GET", "/datasets/a/b/resolve/main/x")
    assert not isinstance(found, set)
    assert found[0] == "/datasets/{repo}/resolve/{rev}/{path*}"
    assert found[1]["kind"] == "datasets"


def test_canonical_ids_resolve_through_aliases() -> None:
    """An id without namespace is accepted where an alias is configured, in any case."""
    found = _find("GET", "/api/models/GPT2/tree/main")
    assert not isinstance(found, set)
    assert found[1]["repo"] == "openai-community/gpt2"


def test_head_is_answered_by_get() -> None:
    """HEAD finds the GET route."""
    assert not isinstance(_find("HEAD", "/healthz"), set)


def test_methods_are_told_for_known_paths() -> None:
    """A known path with another method reports what it allows; an unknown one reports nothing."""
    assert _find("GET", "/api/models/a/b/commit/main") == {"POST"}
    assert _find("GET", "/nowhere") == set()


@pytest.mark.parametrize("raw", [b"/%ff", b"/a%00b", b"/" + b"x/" * 200, b"/" + b"a" * 20_000])
def test_hostile_paths_are_refused(raw: bytes) -> None:
    """Bad UTF-8, NUL, too many segments and overlong addresses are BadPath."""
    with pytest.raises(BadPath):
        split_raw_path(raw)


def test_unknown_kind_is_no_match() -> None:
    """`{kind}` is models or datasets only."""
    assert _find("GET", "/api/spaces/a/b") == set()
