"""Notices: what is worth a second look is told, blocks nothing, and names nothing that is not public."""

from __future__ import annotations

import json

import pytest
from tests.support.nodes import commit, new_repo

from hanse.db import notices, revisions
from hanse.db.repos import Repo
from hanse.flows import lint as flow
from hanse.flows.lint import lint, note
from hanse.flows.node import Node
from hanse.flows.publish import DeleteFile, Operation, Published, PutBytes
from hanse.flows.refs import super_squash
from hanse.flows.repos import set_visibility
from hanse.model.actor import Actor
from hanse.model.digest import GitOid
from hanse.model.repo import Visibility

WEIGHTS = b"weights!" * 10_000
MIT, APACHE = b"MIT licence", b"Apache licence"


@pytest.fixture(name="node")
def _node(lite: Node) -> Node:
    """Return a node on SQLite: rows are proved on both catalogues in tests/unit/db."""
    return lite


def _said(node: Node, repo: Repo, made: Published, last: GitOid | None = None) -> list[tuple[str, str]]:
    with node.db.read() as conn:
        revision = revisions.get(conn, repo.id, made.rev)
    assert revision is not None
    return [(one.kind, one.says) for one in lint(node, repo, "refs/heads/main", revision, last)]


def _card(licence: object) -> PutBytes:
    return PutBytes("README.md", f"---\nlicense: {json.dumps(licence)}\n---\n# m\n".encode())


def test_the_same_payload_under_another_name(node: Node, alice: Actor, bob: Actor) -> None:
    """Whoever comes second is noticed, with the name of the first; small files and files in private repositories never are."""
    first, second = new_repo(node, alice, "alice/m"), new_repo(node, bob, "bob/n")
    secret = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    commit(node, alice, secret, PutBytes("s.bin", WEIGHTS[::-1]))
    one = commit(node, alice, first, PutBytes("a.bin", WEIGHTS), PutBytes("small", b"x"))
    node.clock.time += 5  # type: ignore[attr-defined]
    two = commit(node, bob, second, PutBytes("b.bin", WEIGHTS), PutBytes("small", b"x"), PutBytes("t.bin", WEIGHTS[::-1]))
    assert _said(node, first, one) == []
    ((kind, says),) = _said(node, second, two)
    assert kind == "same-payload"
    assert says.startswith("b.bin is byte for byte a file of alice/m, which has it since 2027-")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ([PutBytes("LICENSE", APACHE)], ["the text of LICENSE is not the one"]),
        ([DeleteFile("LICENSE")], ["LICENSE, which revision"]),
        ([_card("apache-2.0")], ["the card says licence apache-2.0, revision"]),
        ([DeleteFile("README.md")], ["the card says licence nothing"]),
        ([PutBytes("COPYING", APACHE), PutBytes("x.txt", b"x"), _card(["mit"])], []),
    ],
)
def test_another_licence(node: Node, alice: Actor, change: list[Operation], words: list[str]) -> None:
    """A licence text that changed or went, and another licence in the card, are noticed; a further file is not."""
    repo = new_repo(node, alice, "alice/m")
    before = commit(node, alice, repo, PutBytes("LICENSE", MIT), _card("mit"))
    after = commit(node, alice, repo, *change)
    said = _said(node, repo, after, before.rev)
    assert [kind for kind, _ in said] == ["licence-changed"] * len(words)
    for (_, says), word in zip(said, words, strict=True):
        assert word in says
        assert before.rev[:12] in says
    assert _said(node, repo, after) == []


def test_a_rewritten_history(node: Node, alice: Actor) -> None:
    """A branch that no longer has a revision it was at is noticed, but not what it was at while it was private."""
    repo = new_repo(node, alice, "alice/m")
    before = commit(node, alice, repo, PutBytes("x.txt", b"1"))
    assert _said(node, repo, before) == []
    after = super_squash(node, alice, repo, "main")
    ((kind, says),) = _said(node, repo, after)
    assert (kind, before.rev[:12] in says) == ("history-rewritten", True)
    repo = set_visibility(node, alice, repo, Visibility.PRIVATE)
    hidden = commit(node, alice, repo, PutBytes("x.txt", b"2"))
    assert _said(node, repo, hidden) == []
    squashed = super_squash(node, alice, repo, "main")
    assert [kind for kind, _ in _said(node, repo, squashed)] == ["history-rewritten"]
    repo = set_visibility(node, alice, repo, Visibility.PUBLIC)
    assert _said(node, repo, squashed) == []


@pytest.mark.parametrize(
    ("auto_map", "told"),
    [
        ({"AutoModel": "other/repo--modeling.X", "AutoConfig": "modeling.C"}, ["modeling.X of other/repo"]),
        ({"AutoTokenizer": ["a/b--t.T", None, 7]}, ["t.T of a/b"]),
        ({"AutoModel": "ALICE/m--modeling.X"}, []),
        ({"AutoModel": "modeling.X"}, []),
        ("a/b--t.T", ["t.T of a/b"]),
        ([["x"]], []),
        (7, []),
    ],
)
def test_code_of_another_repository(node: Node, alice: Actor, auto_map: object, told: list[str]) -> None:
    """A configuration whose code lies in another repository is noticed, whatever else its author wrote there."""
    repo = new_repo(node, alice, "alice/m")
    made = commit(node, alice, repo, PutBytes("config.json", json.dumps({"auto_map": auto_map}).encode()))
    said = _said(node, repo, made)
    assert len(said) == len(told)
    assert all(kind == "remote-code" and word in says for (kind, says), word in zip(said, told, strict=True))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("config.json", {"text_config": {"auto_map": {"AutoModel": "a/b--m.X"}}}, ["m.X of a/b"]),
        ("config.json", {"custom_pipelines": {"p": {"impl": "a/b--p.P"}, "q": {"impl": "p.Q"}, "r": 7}}, ["p.P of a/b"]),
        ("modules.json", [{"path": "", "type": "a/b--st.Transformer"}, {"path": "1", "type": "alice/m--st.Pool"}], ["st.T"]),
        ("modules.json", [{"path": "", "type": "sentence_transformers.models.Transformer"}], []),
    ],
)
def test_code_that_is_named_further_inside(node: Node, alice: Actor, name: str, value: object, told: list[str]) -> None:
    """Nested configurations, custom pipelines and an encoder's modules may name code elsewhere, too."""
    repo = new_repo(node, alice, "alice/m")
    said = _said(node, repo, commit(node, alice, repo, PutBytes(name, json.dumps(value).encode())))
    assert len(said) == len(told)
    assert all(kind == "remote-code" and word in says for (kind, says), word in zip(said, told, strict=True))


@pytest.mark.parametrize("path", ["LICENSE", "LICENSES/MIT.txt", "nested/NOTICE.md", "licence.txt"])
def test_texts_of_licences_in_folders(node: Node, alice: Actor, path: str) -> None:
    """A licence that changed is noticed wherever it lies; a program that is called like one is none."""
    repo = new_repo(node, alice, "alice/m")
    first = commit(node, alice, repo, PutBytes(path, b"one"), PutBytes("license_check.py", b"1"))
    second = commit(node, alice, repo, PutBytes(path, b"two"), PutBytes("license_check.py", b"2"))
    assert _said(node, repo, second, first.rev) == [
        ("licence-changed", f"the text of {path} is not the one of revision {first.rev[:12]}")
    ]


def test_a_licence_of_its_own(node: Node, alice: Actor) -> None:
    """Of a licence that is none of the usual ones, its name and address are compared as well."""
    repo = new_repo(node, alice, "alice/m")
    card = "---\nlicense: other\nlicense_name: ours\nlicense_link: https://example.org/%s\n---\n"
    first = commit(node, alice, repo, PutBytes("README.md", (card % "1").encode()))
    second = commit(node, alice, repo, PutBytes("README.md", (card % "2").encode()))
    ((kind, says),) = _said(node, repo, second, first.rev)
    assert kind == "licence-changed"
    assert "https://example.org/2" in says


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 5000, b"\xff", b"[]", b"{}", b'{"auto_map": null}'])
def test_configurations_that_are_none(node: Node, alice: Actor, data: bytes) -> None:
    """What does not parse says nothing, and hinders nothing."""
    repo = new_repo(node, alice, "alice/m")
    made = commit(node, alice, repo, PutBytes("config.json", data), PutBytes("README.md", b"---\n{\n---\n"))
    assert _said(node, repo, made, made.rev) == []


def test_notices_are_kept_and_bounded(node: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was noticed stays with the revision, once, and no revision fills the table."""
    repo = new_repo(node, alice, "alice/m")
    references = {f"A{number}": f"a/b{number}--t.T" for number in range(9)}
    made = commit(node, alice, repo, PutBytes("config.json", json.dumps({"auto_map": references}).encode()))
    with node.db.read() as conn:
        revision = revisions.get(conn, repo.id, made.rev)
    assert revision is not None
    monkeypatch.setattr(flow, "MAX_NOTICES", 5)
    for _ in range(2):
        note(node, repo, "refs/heads/main", revision, None)
    with node.db.read() as conn:
        assert len(notices.of_repo(conn, repo.id, made.rev)) == 5
