"""A Xet store that misbehaves: plans, ranges and chunks that are not what they should be."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.support.rawxet import raw_file, xorb_of

from hanse.content.chunking import split
from hanse.content.compression import Scheme
from hanse.errors import HanseError, NotFoundError, PeerMisbehaved, PeerRefused
from hanse.peers.bulk import BulkClient
from hanse.peers.xet import XetStore

FILE = raw_file(random.Random(9).randbytes(300_000) + bytes(200_000))
CHUNKS = len(FILE.chunks)
CUT = CHUNKS // 2


class Store:
    """What a store answers, by path; tests change parts of it. `asked` are the paths so far."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.token: dict[str, Any] = {}
        self.plan: dict[str, Any] = {}
        self.xorb = FILE.xorb_bytes
        self.statuses: dict[str, list[int]] = {}

    def begin(self, url: str) -> None:
        """Fill in honest answers."""
        self.url = url
        self.token = {"casUrl": f"{url}/cas", "accessToken": "t", "exp": 0}
        whole = {"chunks": {"start": 0, "end": CHUNKS}, "bytes": {"start": 0, "end": len(FILE.xorb_bytes) - 1}}
        self.plan = {
            "offset_into_first_range": 0,
            "terms": [self.term(0, CUT), self.term(CUT, CHUNKS)],
            "xorbs": {FILE.xorb: [{"url": f"{url}/xorb", "ranges": [whole]}]},
        }

    @staticmethod
    def term(start: int, end: int) -> dict[str, Any]:
        """Return an honest term."""
        length = sum(size for _, size in FILE.chunks[start:end])
        return {"hash": FILE.xorb, "unpacked_length": length, "range": {"start": start, "end": end}}

    def answer(self, path: str) -> tuple[int, bytes]:
        """Return status and body for a path."""
        self.asked.append(path)
        planned = self.statuses.get(path, [])
        status = planned.pop(0) if planned else 200
        known: dict[str, Any] = {"/token": self.token, f"/cas/v2/reconstructions/{FILE.file}": self.plan}
        if "/v1/" in path:
            known[path] = _old(self.plan)
        if status != 200 or (path not in known and path != "/xorb"):
            return (status if status != 200 else 404), b""
        return 200, self.xorb if path == "/xorb" else json.dumps(known[path]).encode()


def _old(plan: dict[str, Any]) -> dict[str, Any]:
    """Return a plan in the form of version 1."""
    rows = {
        name: [
            {"range": part["chunks"], "url": place["url"], "url_range": part["bytes"]}
            for place in places
            for part in place["ranges"]
        ]
        for name, places in plan["xorbs"].items()
    }
    return {"offset_into_first_range": plan["offset_into_first_range"], "terms": plan["terms"], "fetch_info": rows}


@contextmanager
def _serve(store: Store) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = store.answer(self.path)
            span = self.headers.get("range", "").removeprefix("bytes=")
            if self.path == "/xorb" and status == 200:
                first, last = map(int, span.split("-"))
                status, size, body = 206, len(body), body[first : last + 1]
                self.send_response(status)
                self.send_header("content-range", f"bytes {first}-{last}/{size}")
            else:
                self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        store.begin(f"http://127.0.0.1:{server.server_address[1]}")
        yield
        server.shutdown()


@pytest.fixture(name="store")
def _store() -> Iterator[Store]:
    """Return an honest store."""
    made = Store()
    with _serve(made):
        yield made


@pytest.fixture(name="xet")
def _xet(store: Store) -> Iterator[XetStore]:
    """Return a reader of the store."""
    client = BulkClient(seconds=60, stall_seconds=60)
    yield XetStore(client, f"{store.url}/token", {})
    client.close()


def _read(xet: XetStore) -> bytes:
    return b"".join(xet.read(FILE.file, 0, len(FILE.data)))


def test_a_plan_that_comes_back_to_a_xorb(store: Store, xet: XetStore) -> None:
    """What several terms need is fetched once; the first term may begin before the range."""
    assert _read(xet) == FILE.data
    assert store.asked.count("/xorb") == 1
    store.plan["offset_into_first_range"] = 100
    assert b"".join(xet.read(FILE.file, 100, 5000)) == FILE.data[100:5000]


def test_old_stores(store: Store, xet: XetStore) -> None:
    """A store that has no second version is asked by the first, from then on at once."""
    store.statuses[f"/cas/v2/reconstructions/{FILE.file}"] = [404]
    assert _read(xet) == FILE.data
    assert _read(xet) == FILE.data
    assert sum("/v2/" in path for path in store.asked) == 1


def test_tokens_and_addresses_that_are_over(store: Store, xet: XetStore) -> None:
    """A token that is not taken any more is asked for anew, and so is the plan when an address is refused; once."""
    store.statuses[f"/cas/v2/reconstructions/{FILE.file}"] = [401]
    store.statuses["/xorb"] = [403]
    assert _read(xet) == FILE.data
    assert store.asked.count("/token") == 2
    store.statuses["/xorb"] = [403, 403, 403]
    with pytest.raises(PeerRefused):
        _read(xet)


def _set(*path: str | int, to: Any) -> Callable[[Store], None]:
    def change(store: Store) -> None:
        at: Any = store.plan
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = to

    return change


def _elsewhere(store: Store) -> None:
    store.plan["xorbs"][FILE.xorb][0]["url"] = "http://169.254.169.254/latest"


def _cas_elsewhere(store: Store) -> None:
    store.token["casUrl"] = "http://127.0.0.1:1/cas"


def _no_token(store: Store) -> None:
    store.token = {"casUrl": 5}


def _reframed(store: Store) -> None:
    raw = split(FILE.data)
    store.xorb = xorb_of([raw[0][:-1], *raw[1:]], scheme=Scheme.NONE)
    store.plan["xorbs"][FILE.xorb][0]["ranges"][0]["bytes"]["end"] = len(store.xorb) - 1


def _fewer(store: Store) -> None:
    store.xorb = xorb_of(split(FILE.data)[:-1])
    store.plan["xorbs"][FILE.xorb][0]["ranges"][0]["bytes"]["end"] = len(store.xorb) - 1


def _damaged(store: Store) -> None:
    store.xorb = store.xorb[:-20] + bytes(20)


@pytest.mark.parametrize(
    "change",
    [
        _set("terms", to=[]),
        _set("terms", 1, "unpacked_length", to=10_000),
        _set("terms", 1, "unpacked_length", to=-1),
        _set("terms", 1, "range", "end", to=CHUNKS + 1),
        _set("terms", 0, "hash", to="x"),
        _set("offset_into_first_range", to=-1),
        _set("offset_into_first_range", to=10**9),
        _set("xorbs", to={}),
        _set("xorbs", to=[]),
        _set("terms", to="[" * 1000),
        _elsewhere,
        _cas_elsewhere,
        _no_token,
        _reframed,
        _fewer,
        _damaged,
    ],
    ids=range(16),
)
def test_lies_about_form(store: Store, xet: XetStore, change: Callable[[Store], None]) -> None:
    """Plans, addresses and chunks that cannot be are refused as misbehaviour."""
    change(store)
    with pytest.raises(PeerMisbehaved):
        _read(xet)


@pytest.mark.parametrize(("status", "kind"), [(404, NotFoundError), (403, PeerRefused)])
def test_no_token_to_read_with(store: Store, xet: XetStore, status: int, kind: type[HanseError]) -> None:
    """An origin without Xet, or that does not give this caller a token, says so."""
    store.statuses["/token"] = [status]
    with pytest.raises(kind):
        _read(xet)
    assert xet.chunk_list(FILE.file, len(FILE.data)) is None
    assert xet.chunk_list(FILE.file, len(FILE.data)) is None
