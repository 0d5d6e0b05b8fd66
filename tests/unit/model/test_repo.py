"""Names: origins, repository ids, paths and refs, as given by friends and attackers."""

from __future__ import annotations

import pytest

from hanse.errors import BadPath, BadRepoId
from hanse.model.repo import (
    Origin,
    RepoType,
    branch_ref,
    parse_name,
    parse_origin,
    parse_path,
    parse_ref_part,
    parse_repo_id,
    parse_repo_type,
    pull_ref,
    tag_ref,
)

HERE = Origin("models.example.org")


def test_identity_is_case_folded_and_shown_as_spelled() -> None:
    """A repository is compared in lower case and shown as registered."""
    repo = parse_repo_id(HERE, RepoType.MODEL, "Ada/BERT-v2")
    assert (repo.path, repo.folded) == ("Ada/BERT-v2", "ada/bert-v2")
    assert str(repo) == "models.example.org/Ada/BERT-v2"
    assert str(parse_repo_id(HERE, RepoType.DATASET, "a/b")) == "models.example.org/datasets/a/b"


@pytest.mark.parametrize(
    "text", ["", "a/b/c", "nobody", "/b", "a/", "a//b", "../b", "a/..", "a/b.git", "a/b.IPYNB", "a/-b", "a/b--c"]
)
def test_bad_repository_ids(text: str) -> None:
    """What the Hugging Face clients refuse as an id is refused here."""
    with pytest.raises(BadRepoId):
        parse_repo_id(HERE, RepoType.MODEL, text)


def test_a_name_with_an_origin() -> None:
    """Who writes another member's name as reports print it is told how nodes name it."""
    with pytest.raises(BadRepoId) as told:
        parse_repo_id(HERE, RepoType.MODEL, "lab.example/admin/m")
    assert told.value.hint == "names of lab.example are namespace/name at NODE/o/lab.example"


@pytest.mark.parametrize("text", ["a" * 97, "a b", "ä", "a\0", ".a", "a.", "a..b"])
def test_bad_names(text: str) -> None:
    """A name has 1 to 96 plain characters."""
    with pytest.raises(BadRepoId):
        parse_name(text)


@pytest.mark.parametrize("text", ["", "A", "-a", ".a", "a:80", "a/b", "a" * 254])
def test_bad_origins(text: str) -> None:
    """An origin is a host name in lower case without a port."""
    with pytest.raises(BadRepoId):
        parse_origin(text)
    assert parse_origin("key-0123") == "key-0123"


def test_repository_types() -> None:
    """Models and data sets are served, in both spellings; spaces are not."""
    assert parse_repo_type("models") is parse_repo_type("model") is RepoType.MODEL
    assert RepoType.DATASET.prefix == "datasets/"
    with pytest.raises(BadRepoId):
        parse_repo_type("space")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "./a",
        "a/./b",
        ".git/x",
        "a/.GIT/x",
        "a\\b",
        "a\0b",
        "\n",
        "\ud800",
        "a" * 4097,
        "a/" * 65,
    ],
)
def test_bad_paths(text: str) -> None:
    """No path leaves the repository, hides in git's folder or breaks a listing."""
    with pytest.raises(BadPath):
        parse_path(text)


@pytest.mark.parametrize("text", ["README.md", "a/b/c.bin", ".gitattributes", "a b", "é/日本.txt", "..a", "a..b", "%2e%2e/x"])
def test_good_paths_are_kept_exactly(text: str) -> None:
    """A path is stored as sent, without normalisation or decoding."""
    assert parse_path(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a..b",
        "a~1",
        "a^",
        "a:b",
        "-a",
        "a.",
        "a.lock",
        "a/.b",
        "@",
        "HEAD",
        "0123456789abcdef" * 2 + "01234567",
        "a@{0}",
        "a//b",
        "a" * 256,
    ],
)
def test_bad_ref_names(text: str) -> None:
    """Names that git itself refuses cannot become branches or tags."""
    with pytest.raises(BadRepoId):
        parse_ref_part(text)


def test_full_refs() -> None:
    """Branches, tags and pull requests live in their own namespaces."""
    assert (branch_ref("a/b"), tag_ref("v1.0"), pull_ref(3)) == ("refs/heads/a/b", "refs/tags/v1.0", "refs/pr/3")
