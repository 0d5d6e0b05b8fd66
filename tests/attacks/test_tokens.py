"""Tokens and signed addresses: forged, changed, expired, foreign, used for something else."""

from __future__ import annotations

import ast
import base64
import hashlib
import hmac
import json
import random
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.attacks.scene import GATED, OWN, PUBLIC, SECRET, Scene, Session, lfs_batch
from tests.support.rawhttp import RawClient
from tests.support.rawxet import put_file, raw_file

_ROOT = Path(__file__).resolve().parents[2]
_FORMAT = struct.Struct("<BBBQQQ")


def _marker(scene: Scene) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((scene.node.data / "node.json").read_text())
    return found


def _mac(scene: Scene, purpose: str, payload: bytes, *, epoch: str | None = None) -> bytes:
    """Return the MAC that the node itself would make: only its secret file can."""
    marker = _marker(scene)
    context = f"hanse/{purpose}/1/{marker['origin']}/{epoch or marker['epoch']}\n".encode()
    return hmac.digest((scene.node.data / "keys" / "url.secret").read_bytes(), context + payload, hashlib.sha256)


def _resigned(scene: Scene, token: str, *, expires: int | None = None, epoch: str | None = None) -> str:
    """Return a Xet token as the node would have made it at another time or in another epoch."""
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    fields = list(_FORMAT.unpack(raw[: _FORMAT.size]))
    if expires is not None:
        fields[-1] = expires
    payload = _FORMAT.pack(*fields)
    return base64.urlsafe_b64encode(payload + _mac(scene, "token", payload, epoch=epoch)).decode().rstrip("=")


def _plan(scene: Scene, session: Session, xet: str) -> int:
    with RawClient(scene.node.port, session.token) as client:
        return client("GET", f"{session.cas}/v1/reconstructions/{xet}").status


def test_changed_xet_tokens(scene: Scene) -> None:
    """Any changed, cut or lengthened character of a Xet token makes it worthless."""
    good = scene.session("alice", SECRET, "read")
    assert _plan(scene, good, scene.xet.file) == 200
    token, rng = good.token, random.Random(3)
    bad = [
        token[:-1],
        token[1:],
        token + "A",
        token[::-1],
        token.swapcase(),
        "",
        "a" * 90,
        "=" * 90,
        token + "\u00e9",
        "." + token,
    ]
    places = rng.sample(range(len(token)), 30)
    bad += [token[:at] + rng.choice("ABCDwxyz0189-_".replace(token[at], "")) + token[at + 1 :] for at in places]
    last = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for one in bad:
        same = (
            base64.urlsafe_b64decode(one.encode("ascii", "ignore") + b"=" * (-len(one) % 4)) == last
            if len(one) == len(token)
            else False
        )
        assert same or _plan(scene, Session(one, good.cas), scene.xet.file) == 401, one


def test_expired_and_foreign_xet_tokens(scene: Scene) -> None:
    """An expired token, one of another epoch, and one used under another epoch's address are refused, well signed as they are."""
    good = scene.session("alice", SECRET, "read")
    now = int(time.time())
    for token in (_resigned(scene, good.token, expires=now - 1), _resigned(scene, good.token, epoch="00000000")):
        assert _plan(scene, Session(token, good.cas), scene.xet.file) == 401
    assert _plan(scene, Session(_resigned(scene, good.token, expires=now + 60), good.cas), scene.xet.file) == 200
    assert _plan(scene, Session(good.token, "/cas/00000000"), scene.xet.file) == 401


@pytest.mark.parametrize(("who", "repo", "scope"), [("alice", SECRET, "write"), ("alice", PUBLIC, "read"), ("bob", OWN, "write")])
def test_a_xet_token_is_no_hub_token(scene: Scene, who: str, repo: str, scope: str) -> None:
    """A Xet token opens nothing in the Hub API, and a Hub token opens nothing in the CAS."""
    session = scene.session(who, repo, scope)
    with RawClient(scene.node.port, session.token) as client:
        assert client("GET", "/api/whoami-v2").status == 401
        assert client("GET", f"/api/models/{SECRET}").status == 401
    assert _plan(scene, Session(scene.tokens[who], session.cas), scene.xet.file) == 401


def test_a_token_is_for_one_repository(scene: Scene) -> None:
    """A token of the owner for her public repository does not open her private one, nor one that reads let anybody write."""
    session = scene.session("alice", PUBLIC, "read")
    assert _plan(scene, session, scene.xet.file) == 404
    file = raw_file(b"some new content " * 900)
    with scene.cas(session) as client:
        assert client("POST", f"{session.cas}/v1/xorbs/default/{file.xorb}", file.xorb_bytes).status == 403
        assert client("POST", f"{session.cas}/v1/shards", file.shard).status == 403
        assert client.json("POST", f"{session.cas}/v1/xorb-grants/default/{file.xorb}", {"length": 9}).status == 403
        assert client("GET", f"{session.cas}/v1/chunks/default/{file.file}").status == 403


def test_who_gets_which_token(scene: Scene) -> None:
    """Write tokens are for writers, with a token that may write; for a gated repository not even reading ones are given out."""
    with scene.client("alice reading") as reading, scene.client("bob") as bob, scene.client() as nobody:
        assert reading("GET", f"/api/models/{PUBLIC}/xet-write-token/main").status == 403
        assert bob("GET", f"/api/models/{PUBLIC}/xet-write-token/main").status == 403
        assert nobody("GET", f"/api/models/{PUBLIC}/xet-write-token/main").status == 401
        assert bob("GET", f"/api/models/{GATED}/xet-read-token/main").status == 403
        assert nobody("GET", f"/api/models/{GATED}/xet-read-token/main").status == 401
        assert bob("GET", f"/api/models/{PUBLIC}/xet-write-token/main?create_pr=1").status == 200


def _variants(href: str, *, other: str) -> Iterator[str]:
    """Yield a signed address with each of its parts changed."""
    path, _, query = href.partition("?")
    parts = path.split("/")
    for at in range(3, len(parts)):
        for value in (other, "1", "2", "999", "0" * 64, parts[at].upper() + "A"):
            if value != parts[at]:
                yield "/".join([*parts[:at], value, *parts[at + 1 :]]) + "?" + query
    fields = {key: values[0] for key, values in parse_qs(query, keep_blank_values=True).items()}
    for key, value in (
        ("e", str(int(fields["e"]) + 1)),
        ("e", "9" * 30),
        ("r", "0-5"),
        ("s", fields["s"][:-2]),
        ("s", "A" * 43),
        ("s", ""),
    ):
        yield path + "?" + "&".join(f"{name}={value if name == key else old}" for name, old in fields.items())
    yield path
    yield f"{path}?{query}&e={int(fields['e']) + 9}"


def _signed_put(scene: Scene, data: bytes) -> str:
    with scene.client("bob") as client:
        found = lfs_batch(client, OWN, [(hashlib.sha256(data).hexdigest(), len(data))]).json()
    href = str(found["objects"][0]["actions"]["upload"]["href"])
    return href[href.index("/api/") :]


def test_changed_upload_addresses(scene: Scene) -> None:
    """An LFS upload address is for one repository, account, digest and size; any change is refused, and so is other content."""
    data = b"upload me " * 400
    href = _signed_put(scene, data)
    with RawClient(scene.node.port) as client:
        for variant in _variants(href, other=hashlib.sha256(b"other").hexdigest()):
            assert client("PUT", variant, data).status in (400, 403, 404), variant
        assert client("PUT", href, b"u" * len(data)).status == 422
        assert client("PUT", href, data + b"x").status in (400, 413)
        assert client("PUT", href, data[:-1]).status in (400, 422)
        assert client("GET", href).status == 403
        assert client("PUT", href.replace("/objects/", "/parts/", 1), data).status in (403, 404, 405)
    assert scene.do_commit("bob", OWN, put_file("u.bin", hashlib.sha256(data).hexdigest())).status == 400
    with RawClient(scene.node.port) as client:
        assert client("PUT", href, data).status == 200


def test_expired_upload_address(scene: Scene) -> None:
    """A well signed address that has expired is refused."""
    href = _signed_put(scene, b"too late " * 50)
    path, _, query = href.partition("?")
    name, expires = path.removeprefix("/api/lfs/objects/"), int(time.time()) - 1
    made = _mac(scene, "url", f"lfs-put\n{name}\n\n{expires}".encode())
    text = base64.urlsafe_b64encode(made).decode().rstrip("=")
    assert query
    with RawClient(scene.node.port) as client:
        assert client("PUT", f"{path}?r=&e={expires}&s={text}", b"too late " * 50).status == 403


def _xorb_address(scene: Scene, start: int, stop: int) -> tuple[str, tuple[int, int]]:
    session = scene.session("alice", SECRET, "read")
    with scene.cas(session) as client:
        reply = client("GET", f"{session.cas}/v2/reconstructions/{scene.xet.file}", None, {"range": f"bytes={start}-{stop}"})
    (entry,) = next(iter(reply.json()["xorbs"].values()))
    span = entry["ranges"][0]["bytes"]
    found = urlsplit(entry["url"])
    return f"{found.path}?{found.query}", (span["start"], span["end"])


def test_xorb_addresses_are_bound_to_their_ranges(scene: Scene) -> None:
    """A xorb address gives exactly the bytes that it names: not one more, and nothing without a Range."""
    href, (start, end) = _xorb_address(scene, 250_000, 260_000)
    assert 0 < start < end
    with RawClient(scene.node.port) as client:
        good = client("GET", href, None, {"range": f"bytes={start}-{end}"})
        assert (good.status, good.body) == (206, scene.xet.xorb_bytes[start : end + 1])
        wide = (
            f"{start - 1}-{end}",
            f"{start}-{end + 1}",
            "0-",
            "-5",
            f"{start}-",
            "0-0",
            f"{start}-{end},0-5",
            f"0-5,{start}-{end}",
        )
        for spec in wide:
            reply = client("GET", href, None, {"range": f"bytes={spec}"})
            assert reply.status == 403, (spec, reply.status)
        for headers in ({}, {"range": "items=1-2"}, {"range": f"bytes={start}-{end}", "if-range": '"other"'}):
            assert client("GET", href, None, headers).status == 403, headers
        for variant in _variants(href, other=scene.xet.file):
            assert client("GET", variant, None, {"range": f"bytes={start}-{end}"}).status in (400, 403, 404), variant
        for method in ("PUT", "POST", "DELETE", "PATCH"):
            assert client(method, href, b"").status == 404


def test_grants_are_bound(scene: Scene) -> None:
    """A xorb grant takes the xorb it names, of the announced length, and nothing else."""
    file, other = raw_file(b"granted content " * 3000), raw_file(b"another content " * 3000)
    session = scene.session("bob", OWN)
    with scene.cas(session) as client:
        asked = client.json("POST", f"{session.cas}/v1/xorb-grants/default/{file.xorb}", {"length": len(file.xorb_bytes)})
    assert asked.status == 201
    href = asked.json()["url"]
    href = href[href.index("/cas/") :]
    with RawClient(scene.node.port) as client:
        for variant in _variants(href, other=other.xorb):
            assert client("PUT", variant, file.xorb_bytes).status in (400, 401, 403, 404), variant
        assert client("PUT", href, other.xorb_bytes[: len(file.xorb_bytes)].ljust(len(file.xorb_bytes), b"x")).status in (
            400,
            422,
        )
        assert client("PUT", href, file.xorb_bytes + b"x").status == 403
        assert client("PUT", href, file.xorb_bytes).status == 200


def test_hub_tokens(scene: Scene) -> None:
    """Unknown, changed, lower-cased and oversized Hub tokens are nobody's; a reading token changes nothing."""
    token = scene.tokens["alice"]
    for bad in (token[:-1], token + "a", token.lower(), token.upper(), "hf_", "hf_" + "a" * 600, "x", token.replace("hf_", "")):
        with RawClient(scene.node.port, bad) as client:
            assert client("GET", "/api/whoami-v2").status == 401, bad
            assert client("GET", f"/api/models/{SECRET}").status == 401
            assert client("GET", f"/api/models/{PUBLIC}").status == 200
    with scene.client("alice reading") as client:
        assert client.json("POST", f"/api/models/{SECRET}/branch/nope", {}).status == 403
        assert client.json("PUT", f"/api/models/{SECRET}/settings", {"visibility": "public"}).status == 403
        assert client.json("POST", "/api/repos/create", {"name": "x", "type": "model"}).status == 403
        assert client("GET", f"/api/models/{SECRET}").status == 200


def test_signatures_are_compared_in_constant_time() -> None:
    """No code compares a MAC, signature or secret with == or !=; hmac.compare_digest is what does it."""
    names = {"mac", "good", "signature", "sig", "digest_of_token"}
    found = []
    for path in (_ROOT / "src" / "hanse" / "flows").glob("*.py"):
        if "hmac" not in (text := path.read_text()):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
                used = {one.id for side in (node.left, *node.comparators) for one in ast.walk(side) if isinstance(one, ast.Name)}
                whole = {side.id for side in (node.left, *node.comparators) if isinstance(side, ast.Name)}
                if names & whole & used:
                    found.append(f"{path.name}:{node.lineno}")
    assert found == []
    assert "hmac.compare_digest" in (_ROOT / "src" / "hanse" / "flows" / "tokens.py").read_text()
