"""What pages say about trust: on a repository how much its current revision is worth, on the front page the node's log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.pages import check_page
from tests.support.rawhttp import RawClient
from tests.support.signers import signer

from hanse.db import alarms, cosignatures, cosigners, logkeys
from hanse.db.alarms import Alarm
from hanse.db.cosignatures import Cosignature
from hanse.db.cosigners import Cosigner
from hanse.db.engine import Database, sqlite_url
from hanse.tlog.checkpoint import Checkpoint, parse_checkpoint
from hanse.tlog.cosignature import cosign, cosigner_key
from hanse.tlog.note import parse_note

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
WITNESS = "b.example.org/witness"


@pytest.fixture(name="node", scope="module")
def _node(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """Return a live node where revisions settle after a second."""
    with forked_node(mother, tmp_path_factory.mktemp("trust"), environ={"HANSE_SETTLE_SECONDS": "1"}) as node:
        yield node


def _page(node: LiveNode, path: str, token: str = "") -> str:
    client = RawClient(node.port, token)
    try:
        return " ".join(check_page(client("GET", path))[0].split())
    finally:
        client.close()


def _until(node: LiveNode, path: str, words: str) -> str:
    """Return a page once it says something."""
    end = time.monotonic() + 120
    while words not in (text := _page(node, path)):
        assert time.monotonic() < end, text
        time.sleep(0.1)
    return text


def _publish(node: LiveNode, name: str, config: bytes = b"{}") -> str:
    api = HfApi(endpoint=node.url, token=ADMIN_TOKEN)
    api.create_repo(name, exist_ok=True)
    files = {"README.md": b"---\nlicense: mit\n---\n# It\n", "config.json": config}
    operations = [CommitOperationAdd(path, data) for path, data in files.items()]
    return str(api.create_commit(name, operations=operations, commit_message="It").oid)


def _catalogue(node: LiveNode) -> Database:
    return Database(sqlite_url(node.data / "hanse.db"))


def _head(node: LiveNode) -> Checkpoint:
    return parse_checkpoint(parse_note(node.get("/log/checkpoint")[1])).claimed


def _cosign(node: LiveNode, name: str, kind: str) -> None:
    """Let a cosigner of the node's log cosign it as it is now."""
    head, database, now = _head(node), _catalogue(node), int(time.time())
    key = cosigner_key(name, signer(name).public)
    line = cosign(head, name, signer(name), now)
    with database.write() as conn:
        cosigners.put(conn, Cosigner(name, kind, key.text, "http://127.0.0.1:9", now))
        row = Cosignature(head.origin, head.size, name, key.key_id.hex(), kind, head.root.hex(), now, line)
        cosignatures.put(conn, [row])
    database.close()


def test_a_revision_on_its_way(node: LiveNode) -> None:
    """A repository's page goes from "not yet witnessed" to who signed, where it is logged and who vouches, and how to check."""
    rev = _publish(node, "admin/way", b'{"auto_map": {"AutoModel": "other/code--modeling.It"}}')
    first = _page(node, "/admin/way")
    assert "not yet witnessed" in first
    assert "this node asks nobody" in first
    assert "Key of the namespace" in first
    text = _until(node, "/admin/way", "One member signed these files")
    assert '<li aria-current="step">attested</li>' in text
    assert "operator holds the namespace key: he can sign anything for admin" in text
    assert "remote-code" in text
    assert f"hanse verify FOLDER --repo admin/way --node {node.url}" in text
    assert f"hanse verify FOLDER --bundle {rev}.hanse.jsonl --offline" in text
    assert f'href="/api/models/admin/way/evidence/{rev}"' in text
    assert node.get(f"/api/models/admin/way/evidence/{rev}")[0] == 200
    assert "not yet witnessed" in text
    _cosign(node, WITNESS, "witness")
    _cosign(node, "c.example.org/mirror", "mirror")
    after = _page(node, "/admin/way")
    assert "not yet witnessed" not in after
    assert f'<code>{WITNESS}</code><br><span class="soft"> up to entry {_head(node).size},' in after
    assert "<dt>Mirrors</dt>" in after
    assert "Still waiting for" not in after


def test_the_publisher_holds_the_key(node: LiveNode) -> None:
    """Where the publisher holds the namespace's key the page says so, and that without his signature it is the node's word."""
    _publish(node, "admin/held")
    _until(node, "/admin/held", "One member signed these files")
    database = _catalogue(node)
    with database.write() as conn:
        (key,) = logkeys.of_use(conn, "namespace", "admin")
        logkeys.set_state(conn, key.key, "retired", use="namespace", namespace="admin")
        logkeys.add(conn, logkeys.LogKey("namespace", "admin", key.key.__class__("ab" * 32), "", "owner", "active", 1))
    try:
        text = _page(node, "/admin/held")
        assert "The publisher holds the namespace key: the node's operator cannot sign for admin." in text
        assert "has not signed these files: only this node says so" in text
        assert '<li aria-current="step">local</li>' in text
    finally:
        with database.write() as conn:
            logkeys.set_state(conn, "ab" * 32, "retired", use="namespace", namespace="admin")
            logkeys.set_state(conn, key.key, "active", use="namespace", namespace="admin")
        database.close()


def test_private_notices(node: LiveNode) -> None:
    """The panel of a repository that is not public is for those who may see it, as the rest of its page."""
    api = HfApi(endpoint=node.url, token=ADMIN_TOKEN)
    api.create_repo("admin/hidden", private=True)
    _publish(node, "admin/hidden")
    client = RawClient(node.port, "")
    check_page(client("GET", "/admin/hidden"), 404)
    client.close()
    assert "Check it yourself" in _page(node, "/admin/hidden", ADMIN_TOKEN)


def test_the_front_page_shows_the_log(node: LiveNode) -> None:
    """The front page shows origin, size and keys of the log, its cosigners and how fresh they are."""
    _publish(node, "admin/front")
    _cosign(node, WITNESS, "witness")
    text = _page(node, "/")
    head = _head(node)
    assert f"<code>{head.origin}</code>" in text
    assert "cosigned by 1 witness, last " in text
    for use in ("log", "witness", "mirror", "attest", "ref"):
        assert f'<th scope="row">{use}</th><td class="hash">' in text
    assert f"witness <code>{WITNESS}</code>" in text
    assert "The log of this node" in text
    assert "open alarm" not in text


def test_alarms_are_seen(node: LiveNode, tmp_path: Path) -> None:
    """An open alarm stands at the top of the front page, in words that cannot be more than words, until somebody closes it."""
    database = _catalogue(node)
    with database.write() as conn:
        alarms.put(conn, Alarm("equivocation", "x.example.org", "two roots <b>of one size</b>", tmp_path.name.encode(), 5))
    text = _page(node, "/")
    assert "1 open alarm<" in text
    assert "two roots &lt;b&gt;of one size&lt;/b&gt;" in text
    with database.write() as conn:
        alarms.close(conn, alarms.every(conn)[0].id)
    database.close()
    assert "open alarm" not in _page(node, "/")
