"""File bytes: ranges, validators, holding back, cutting off, refusing."""

from __future__ import annotations

import http.client
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.support.gateways import REV, Coming, Edge, FolderSource, edge, until

from hanse.errors import GatedRepo, IntegrityError, PeerMalformed, PeerMisbehaved, PolicyError, Recalled

MODEL = "/org/m/resolve/main/model.safetensors"


def _data(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_head(gateway: Edge) -> None:
    """HEAD says commit, digest and size, and nothing of Xet; the file need not be here."""
    gateway.source.coming["model.safetensors"] = Coming(gateway.source.folder / "model.safetensors", streamable=False)
    reply = gateway.ask("HEAD", MODEL)
    digest = gateway.source.files["model.safetensors"].content.sha256
    assert reply.status == 200
    assert reply.headers["etag"] == reply.headers["x-linked-etag"] == f'"{digest}"'
    assert reply.headers["content-length"] == reply.headers["x-linked-size"] == "3000000"
    assert reply.headers["x-repo-commit"] == REV
    assert not {"link", "x-xet-hash", "x-xet-refresh-route"} & set(reply.headers)
    small = gateway.ask("HEAD", "/org/m/resolve/main/config.json")
    assert small.headers["etag"] == f'"{gateway.source.files["config.json"].git_oid}"'


@pytest.mark.parametrize("way", ["held", "streamed", "staged"])
def test_bytes_and_ranges(gateway: Edge, folder: Path, way: str) -> None:
    """However a file comes, whole and ranged requests, resuming ones included, give exactly its bytes."""
    if way != "held":
        coming = Coming(folder / "model.safetensors", streamable=way == "streamed")
        coming.gate.set()
        gateway.source.coming["model.safetensors"] = coming
    data, etag = _data(folder), f'"{gateway.source.files["model.safetensors"].content.sha256}"'
    whole = gateway.get(MODEL)
    assert (whole.status, whole.body) == (200, data)
    for start, end in ((0, 1), (1_000_000, 2_500_000), (2_999_999, 3_000_000)):
        part = gateway.get(MODEL, range=f"bytes={start}-{end - 1}", if_range=etag)
        assert (part.status, part.body) == (206, data[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/3000000"
    assert gateway.get(MODEL, range="bytes=2000000-").body == data[2_000_000:]
    assert gateway.get(MODEL, range="bytes=-5").body == data[-5:]
    assert gateway.get(MODEL, range="bytes=5-9", if_range='"other"').body == data
    assert gateway.get(MODEL, range="bytes=3000000-").status == 416
    assert gateway.get(MODEL, if_none_match=etag).status == 304
    assert gateway.get("/org/m/resolve/main/empty.txt").body == b""


def test_names(gateway: Edge) -> None:
    """Slashes may be quoted, odd names come back as they are, commit ids are revisions."""
    for path in ("sub/with%20space%20%26%20100%25.txt", quote("sub/with space & 100%.txt", safe="")):
        assert gateway.get(f"/org/m/resolve/{REV}/{path}").body == b"odd\n"
    missing = gateway.ask("HEAD", "/org/m/resolve/main/chat_template.jinja")
    assert (missing.status, missing.headers["x-error-code"], missing.headers["x-repo-commit"]) == (404, "EntryNotFound", REV)
    assert gateway.get("/datasets/org/m/resolve/main/config.json").status == 404


def test_what_must_be_staged_sends_nothing_before(gateway: Edge, folder: Path) -> None:
    """Not a header leaves before the file is whole and judged; other requests are answered meanwhile."""
    coming = Coming(folder / "model.safetensors", streamable=False)
    gateway.source.coming["model.safetensors"] = coming
    answered = threading.Event()
    wire = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=120)
    wire.request("GET", f"/{gateway.secret}{MODEL}")

    def read() -> bytes:
        response = wire.getresponse()
        answered.set()
        return response.read()

    with ThreadPoolExecutor(1) as pool:
        body = pool.submit(read)
        assert gateway.ask("HEAD", MODEL).status == 200
        assert gateway.get("/org/m/resolve/main/config.json").status == 200
        assert not answered.is_set()
        coming.gate.set()
        assert body.result(120) == _data(folder)
    wire.close()


def test_who_wants_to_be_told_is(gateway: Edge, folder: Path) -> None:
    """A client that asks for it is told after its time how far the file is, and gets it in the end; nobody ends it."""
    coming = Coming(folder / "model.safetensors", streamable=False)
    gateway.source.coming["model.safetensors"] = coming
    told = gateway.get(MODEL, prefer="wait=1")
    assert (told.status, told.headers["retry-after"], told.headers["x-error-code"]) == (503, "1", "Busy")
    assert told.headers["x-hanse-progress"] == f"7/{len(_data(folder))}"
    assert gateway.ask("HEAD", MODEL).status == 200
    coming.gate.set()
    assert gateway.get(MODEL, prefer="wait=1").body == _data(folder)
    assert not coming.left


def test_who_wants_to_be_told_waits_for_the_first_chunk(gateway: Edge, folder: Path) -> None:
    """Where a file streams, who asks to be told gets no headers before the byte he asks for; who does not gets them at once."""
    coming = Coming(folder / "model.safetensors", streamable=True)
    gateway.source.coming["model.safetensors"] = coming
    told = gateway.get(MODEL, prefer="wait=1", range="bytes=2000000-")
    assert (told.status, told.headers["x-hanse-progress"]) == (503, f"7/{len(_data(folder))}")
    assert not coming.left
    assert gateway.get(MODEL).body == _data(folder)
    coming.gate.set()
    assert gateway.get(MODEL, prefer="wait=1", range="bytes=2000000-").body == _data(folder)[2_000_000:]


def test_many_held_requests_leave_room(gateway: Edge, folder: Path) -> None:
    """A hundred requests that wait for a file do not keep others from being answered."""
    coming = Coming(folder / "model.safetensors", streamable=False)
    gateway.source.coming["model.safetensors"] = coming
    with ThreadPoolExecutor(100) as pool:
        waiting = [pool.submit(gateway.get, MODEL) for _ in range(100)]
        assert gateway.ask("HEAD", MODEL).status == 200
        coming.gate.set()
        assert {len(one.result(60).body) for one in waiting} == {3_000_000}


def test_a_judge_who_refuses(gateway: Edge, folder: Path) -> None:
    """A file that is refused after staging was waited for is 403 with the reason in the code that clients show."""
    coming = Coming(folder / "model.safetensors", streamable=False)
    coming.error = PolicyError(
        "model.safetensors is malicious", failed=("scan.malicious: it runs os.system",), hint="Remedy: none"
    )
    coming.gate.set()
    gateway.source.coming["model.safetensors"] = coming
    reply = gateway.get(MODEL)
    assert (reply.status, reply.headers["x-error-code"]) == (403, "GatedRepo")
    assert reply.headers["x-error-message"] == "model.safetensors is malicious; scan.malicious: it runs os.system; Remedy: none"
    assert [one.repo for one in gateway.session.summary().refused] == ["org/m"]


def test_cut_off_where_the_good_bytes_end(gateway: Edge, folder: Path) -> None:
    """If no honest place is left half-way, the connection ends short of what was announced; what came is right."""
    gateway.source.coming["model.safetensors"] = Coming(folder / "model.safetensors", streamable=True, good=1_000_000)
    wire = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=120)
    wire.request("GET", f"/{gateway.secret}{MODEL}")
    response = wire.getresponse()
    assert response.getheader("content-length") == "3000000"
    with pytest.raises(http.client.IncompleteRead) as cut:
        response.read()
    assert 0 < len(cut.value.partial) <= 1_000_000
    assert _data(folder).startswith(cut.value.partial)
    wire.close()
    until(lambda: gateway.session.summary().refused)
    assert "no honest place" in gateway.session.summary().refused[0].reason


@pytest.mark.parametrize("streamable", [True, False])
def test_who_leaves_ends_the_fetch(gateway: Edge, folder: Path, streamable: bool) -> None:
    """A client that hangs up, or took a part, does not need the rest."""
    coming = Coming(folder / "model.safetensors", streamable=streamable)
    gateway.source.coming["model.safetensors"] = coming
    if streamable:
        assert gateway.get(MODEL, range="bytes=0-9").status == 206
    else:
        wire = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=120)
        wire.request("GET", f"/{gateway.secret}{MODEL}")
        wire.close()
    until(lambda: coming.left == 1)


@pytest.mark.parametrize("error", [PolicyError("the policy asks for two members"), IntegrityError("the evidence is false")])
@pytest.mark.parametrize("path", [MODEL, "/api/models/org/m", "/api/models/org/m/tree/main"])
def test_refused(gateway: Edge, error: PolicyError | IntegrityError, path: str) -> None:
    """What is refused says why; clients that may have a copy get the one answer that stops them."""
    gateway.source.refuse = error
    for method in ("GET", "HEAD"):
        reply = gateway.ask(method, path)
        assert (reply.status, reply.headers["x-error-code"]) == (403, "GatedRepo")
        assert reply.headers["x-error-message"] == error.message
    gateway.cached.add("models/org/m")
    reply = gateway.ask("HEAD", path)
    assert (reply.status, reply.headers["x-error-code"]) == (404, "RevisionNotFound")
    assert reply.headers["x-error-message"] == error.message
    assert reply.headers["x-hf-warning"] == f"refused; {error.message}"


def test_what_a_source_does_not_give_is_told(gateway: Edge) -> None:
    """Clients show words of their own for a gated repository: the reason that the source gave is in the summary."""
    gateway.source.refuse = GatedRepo("the node refuses main: it is not what was pinned", anonymous=False)
    assert gateway.ask("HEAD", MODEL).status == 403
    (told,) = gateway.session.summary().refused
    assert (told.repo, told.reason) == ("org/m", "the node refuses main: it is not what was pinned")


def test_what_nobody_can_use_is_told_once(gateway: Edge) -> None:
    """A malformed answer is final for clients, with a copy, too, which they go on to use; what may pass is asked for again."""
    gateway.cached.add("models/org/m")
    gateway.source.refuse = PeerMalformed("the hub answers something else than a Hub does")
    reply = gateway.ask("HEAD", MODEL)
    assert (reply.status, reply.headers["x-error-code"]) == (403, "GatedRepo")
    assert reply.headers["x-error-message"] == "the hub answers something else than a Hub does"
    assert not gateway.session.summary().refused
    gateway.source.refuse = PeerMisbehaved("the hub ended its answer early")
    assert gateway.ask("HEAD", MODEL).status == 502


def test_recalled(gateway: Edge) -> None:
    """A revocation stops clients with and without a copy."""
    gateway.source.refuse = Recalled("org/m was recalled", hint="use another")
    reply = gateway.ask("HEAD", MODEL)
    assert (reply.status, reply.headers["x-error-code"]) == (404, "RevisionNotFound")
    assert "recalled" in reply.headers["x-error-message"]
    assert len(gateway.session.summary().refused) == 1


def test_tokens(gateway: Edge) -> None:
    """A token goes on as it is, one that is none does not; what is answered to one is in no shared cache."""
    reply = gateway.get(MODEL, authorization="Bearer hf_secret")
    assert gateway.source.tokens[-1] == "hf_secret"
    assert reply.headers["cache-control"] == "private, no-cache"
    for bad in ("Basic x", "Bearer " + "x" * 600, "Bearer é"):
        gateway.get(MODEL, authorization=bad)
        assert gateway.source.tokens[-1] == ""
    assert "immutable" in gateway.get(MODEL.replace("main", REV)).headers["cache-control"]


def test_the_size_of_large_files(folder: Path) -> None:
    """A client that would not ask for a file of that size is not told it by HEAD; one that needs it, and every GET, is."""
    with edge(FolderSource(folder), large=1_000_000) as gateway:
        for agent in ("unknown/None; hf_hub/1.33.0; python/3.11", "hf_hub/2.4.0"):
            reply = gateway.ask("HEAD", MODEL, user_agent=agent)
            assert reply.status == 200
            assert not {"content-length", "x-linked-size", "transfer-encoding"} & set(reply.headers)
            assert "content-length" in gateway.ask("HEAD", "/org/m/resolve/main/config.json", user_agent=agent).headers
            assert gateway.get(MODEL, user_agent=agent).headers["content-length"] == "3000000"
        for agent in ("hf_hub/0.36.2", "hf_hub/x", "@huggingface/hub", ""):
            assert gateway.ask("HEAD", MODEL, user_agent=agent).headers["x-linked-size"] == "3000000"
