"""Counting files on their way, and whose token goes where; with a real origin behind a real gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.ports import own_port
from tests.support.rawhttp import RawClient, Reply
from tests.support.wholegateway import whole_gateway

from hanse.app_gateway import Gateway
from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin
from hanse.flows.gateway.pull import Counting
from hanse.flows.gateway.session import Session
from hanse.flows.pull.events import Event, Kind

NAME = "org/m"
FILES = {"config.json": b"{}", "big.bin": bytes(range(256)) * 8000}


@dataclass
class _Fetch:
    """A fetch at some point."""

    progress: tuple[int, int]
    streamable: bool = False
    sources: Mapping[str, int] = field(default_factory=dict)


def _get(gateway: Gateway, path: str, token: str = "") -> Reply:
    with RawClient(gateway.port, token, timeout=120) as client:
        return client("GET", f"/{gateway.url.rpartition('/')[2]}{path}")


def test_files_are_counted_once_by_place() -> None:
    """A fetch that several wait for counts once, when it is whole; at the end what came of others counts, too."""
    session = Session("open")
    counting = Counting(session)
    half, whole = _Fetch((5, 10), sources={"a": 3, "b": 2}), _Fetch((10, 10), sources={"a": 10})
    for one in (half, whole, half):
        counting.add(one)
    assert (session.summary().files, session.summary().bytes) == (1, {"a": 10})
    counting.settle(everything=True)
    counting.settle(everything=True)
    assert (session.summary().files, session.summary().bytes) == (1, {"a": 13, "b": 2})


def test_who_waits_is_told_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of files of which nothing leaves yet it is said now and then how far they are; of what streams clients see it."""
    said: list[str] = []
    counting = Counting(Session("open", said.append))
    event = Event(Kind.PROGRESS, "big.bin")
    counting.add(_Fetch((5, 10)))
    counting.report(event)
    assert said == []
    monkeypatch.setattr("hanse.flows.gateway.pull.SAY_SECONDS", -1.0)
    counting.add(_Fetch((7, 20), streamable=True))
    counting.settle(everything=True)
    counting.add(_Fetch((7, 20), streamable=True))
    counting.report(event)
    assert said == []
    counting.add(_Fetch((5, 10)))
    counting.report(event)
    assert said == ["5 B of 10 B are here of a file, to be checked before the first byte is given"]


def test_lies_are_told() -> None:
    """What the fetcher finds false is told with place, file and chunk."""
    said: list[str] = []
    Counting(Session("open", said.append)).report(Event(Kind.LIE, "big.bin", "evil:80", 3))
    assert said == ["false bytes: evil:80: big.bin, chunk 3"]


def test_who_gives_nothing_is_told() -> None:
    """A place that fails is said, one that only has no such file is not."""
    said: list[str] = []
    counting = Counting(Session("open", said.append))
    for kind in (Kind.MISSING, Kind.DEAD):
        counting.report(Event(kind, "big.bin", "slow:80", message="slow:80 sends its answer too slowly"))
    assert said == ["slow:80: nothing of big.bin comes now: slow:80 sends its answer too slowly"]


def test_held_bytes_and_false_ones(tmp_path: Path) -> None:
    """A file that came false is no answer and its source is named; the true one is, from then on also without its origin."""
    said: list[str] = []
    with HubOrigin({NAME: FILES}, port=own_port()) as origin, whole_gateway(tmp_path, upstream=origin.url, said=said) as gateway:
        origin.faults.set(Fault.WRONG_BYTES, path="big.bin")
        reply = _get(gateway, f"/{NAME}/resolve/main/big.bin")
        assert reply.status in (403, 404)
        assert "127.0.0.1" in reply.headers["x-error-message"]
        assert any(one.startswith("false bytes: 127.0.0.1") for one in said), said
        origin.faults.clear()
        with whole_gateway(tmp_path, upstream=origin.url) as other:
            assert _get(other, f"/{NAME}/resolve/main/big.bin").body == FILES["big.bin"]
        origin.stop()
        assert _get(gateway, f"/{NAME}/resolve/main/big.bin").body == FILES["big.bin"]


def test_a_token_goes_home_only(tmp_path: Path) -> None:
    """The token of a caller reaches the server that HF_ENDPOINT named, and no other, whatever else is asked."""
    with HubOrigin({NAME: FILES}) as home, HubOrigin({NAME: FILES}) as other:
        for endpoint, mine in ((other.url, True), (home.url, False)):
            caches = tmp_path / endpoint.rpartition(":")[2]
            with whole_gateway(caches, upstream=other.url, environ={"HF_ENDPOINT": endpoint}) as gateway:
                _get(gateway, f"/{NAME}/resolve/main/config.json", token="hf_mine")
                _get(gateway, "/api/whoami-v2", token="hf_mine")
            shown = {one.headers.get("authorization", "") for one in other.requests}
            assert any("hf_mine" in one for one in shown) is mine
            other.requests.clear()


def test_what_is_private_needs_its_token(tmp_path: Path) -> None:
    """Bytes that were fetched for one caller are not given to another one who may not see them."""
    with HubOrigin({NAME: FILES}, port=own_port()) as origin, whole_gateway(tmp_path, upstream=origin.url) as gateway:
        origin.repo(NAME).tokens = frozenset({"hf_mine"})
        path = f"/{NAME}/resolve/main/config.json"
        assert _get(gateway, path).status in (401, 403, 404)
        assert _get(gateway, path, token="hf_mine").body == b"{}"
        for stranger in ("", "hf_other"):
            reply = _get(gateway, path, token=stranger)
            assert reply.status in (401, 403, 404)
            assert reply.body != b"{}"
        origin.stop()
        assert _get(gateway, path).status != 200
        assert _get(gateway, path, token="hf_mine").status == 200
