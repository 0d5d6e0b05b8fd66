"""Reconstructions, chunk lists and deduplication over HTTP, followed to the bytes."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.support.rawhttp import RawClient
from tests.support.rawxet import RawFile, raw_file
from tests.web.cas.conftest import Cas

from hanse.content.hashing import file_hash_of_chunk_list, hmac_chunk
from hanse.content.shard import parse_shard
from hanse.content.xorb import XorbReader
from hanse.model.digest import xet_from_bytes

DATA = random.Random(5).randbytes(700_000) + b"compressible " * 40_000


@pytest.fixture(name="file")
def _file(cas: Cas) -> RawFile:
    """Return a committed file."""
    made = raw_file(DATA)
    cas.upload(made, name="model.bin")
    return made


def _fetches(answer: dict[str, Any]) -> list[tuple[str, int, int, int, int]]:
    """Return (url, first chunk, end chunk, first byte, last byte) of either version of an answer."""
    found = []
    for entries in (answer.get("xorbs") or answer["fetch_info"]).values():
        for entry in entries:
            for one in entry.get("ranges") or [{"chunks": entry["range"], "bytes": entry["url_range"]}]:
                chunks, stored = one["chunks"], one["bytes"]
                found.append((entry["url"], chunks["start"], chunks["end"], stored["start"], stored["end"]))
    return found


def _follow(cas: Cas, answer: dict[str, Any], length: int) -> bytes:
    """Return what a client gets that does what an answer of one xorb says."""
    (fetch,) = _fetches(answer)
    url, first, _, start, end = fetch
    with RawClient(cas.node.port) as nobody:
        reply = nobody("GET", url.removeprefix(cas.node.url), None, {"range": f"bytes={start}-{end}"})
    assert (reply.status, len(reply.body)) == (206, end - start + 1)
    raw = [chunk.raw for chunk in XorbReader(keep_raw=True).feed(reply.body)]
    parts = [b"".join(raw[term["range"]["start"] - first : term["range"]["end"] - first]) for term in answer["terms"]]
    assert [len(part) for part in parts] == [term["unpacked_length"] for term in answer["terms"]]
    return b"".join(parts)[answer["offset_into_first_range"] :][:length]


@pytest.mark.parametrize("target", ["/v2/reconstructions/", "/v1/reconstructions/", "/reconstructions/", "/reconstruction/"])
def test_answers_lead_to_the_bytes(cas: Cas, file: RawFile, target: str) -> None:
    """All versions of the answer, whole and by range, give the file's bytes without a token."""
    assert _follow(cas, cas("GET", target + file.file).json(), len(DATA)) == DATA
    for start, end in ((0, 9), (123_456, 654_321), (len(DATA) - 5, len(DATA) + 100)):
        answer = cas("GET", target + file.file, range=f"bytes={start}-{end}").json()
        assert _follow(cas, answer, min(end + 1, len(DATA)) - start) == DATA[start : end + 1]


def test_past_the_end(cas: Cas, file: RawFile) -> None:
    """hf-xet 1.2 asks on until it is told 416."""
    for start in (len(DATA), len(DATA) + 10**9):
        assert cas("GET", f"/reconstructions/{file.file}", range=f"bytes={start}-{start + 5}").status == 416
        assert cas("GET", f"/v2/reconstructions/{file.file}", range=f"bytes={start}-").status == 416
    assert cas("GET", f"/v2/reconstructions/{file.file}", range="bytes=nonsense").status == 200


def test_files_that_are_not_there(cas: Cas, file: RawFile) -> None:
    """An unknown file is 404, what is no hash is 400."""
    for target in ("/v2/reconstructions/", "/v1/reconstructions/", "/v2/file-chunk-hashes/"):
        assert cas("GET", target + "0" * 63 + "1").status == 404
        assert cas("GET", target + "x").status == 400
    assert cas("HEAD", f"/v1/files/{file.file}").headers["content-length"] == str(len(DATA))
    assert cas("HEAD", "/v1/files/" + "0" * 63 + "1").status == 404


def test_chunk_lists_recompute_to_the_file(cas: Cas, file: RawFile) -> None:
    """The list is immutable and checkable; editing ranges in place is not offered."""
    reply = cas("GET", f"/v2/file-chunk-hashes/{file.file}")
    assert file_hash_of_chunk_list(reply.body) == (file.file, len(DATA))
    assert "immutable" in reply.headers["cache-control"]
    assert cas("GET", f"/v2/file-chunk-hashes/{file.file}", x_range_dirty="bytes=0-9").status == 404


@pytest.mark.parametrize("target", ["/v1/chunks/default/", "/v1/chunks/default-merkledb/", "/chunks/default/", "/chunk/default/"])
def test_deduplication_answers(cas: Cas, file: RawFile, target: str) -> None:
    """Under both prefixes the first chunk of a file is found, blinded; an unknown one is 404."""
    shard = parse_shard(cas("GET", target + xet_from_bytes(file.chunks[0][0])).body)
    assert shard.footer is not None
    blinded = [hmac_chunk(shard.footer.hmac_key, value) for value, _ in file.chunks]
    assert blinded in [[value for value, _ in block.chunks] for block in shard.xorbs]
    assert cas("GET", target + "0" * 64).status == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("target", ["/v3/anything", "/v1/unknown", "/v2/xorbs/default/00", "/", "/v1/shards/x", "/v2/shards"])
def test_everything_else_is_404(cas: Cas, method: str, target: str) -> None:
    """Clients fall back on 404 and die on 405."""
    if (method, target) != ("POST", "/v2/shards"):
        assert cas(method, target, b"" if method not in ("GET", "HEAD") else None).status == 404


def test_telemetry_is_accepted(cas: Cas) -> None:
    """Statistics are read away at the root and below the CAS address, without a token; too much is refused."""
    with RawClient(cas.node.port) as nobody:
        for target in ("/v1/telemetry", f"{cas.path}/v1/telemetry"):
            assert nobody.json("POST", target, {"bytes": 1}).status == 200
        assert nobody("POST", "/v1/telemetry", bytes(2_000_000)).status == 413
