"""A real HTTP server in the OpenAI form whose model adds: deterministic, with a dial for how often it is wrong."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hanse.evals.engine import Answer, Ask, Observed
from hanse.evals.itemtable import Status
from hanse.evals.suite import Decoding, Item, Request, Suite
from hanse.peers.openai import Endpoint

_SUM = re.compile(r"(\d+) \+ (\d+)")


def share(text: str) -> float:
    """Return a number from 0 to 1 that a text decides."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


@dataclass
class Model:
    """What answers. wrong: share of the questions that it gets wrong; noise: share of answers that flip, by `seed`.

    failing: statuses with which the next requests are refused; seen: authorization of every request; most: after so many, 0 for
    any number, requests wait until `released`.
    """

    wrong: float = 0.5
    noise: float = 0.0
    seed: int = 0
    failing: list[int] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    raw: bytes | None = None
    most: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def text(self, prompt: str) -> str:
        """Return the answer to a question."""
        found = _SUM.search(prompt)
        right = int(found[1]) + int(found[2]) if found else 0
        wrong = share(prompt) < self.wrong
        if share(f"{self.seed} {prompt}") < self.noise:
            wrong = not wrong
        return str(right + 1 if wrong else right)

    def answer(self, said: dict[str, Any]) -> bytes:
        """Return the body of an answer."""
        if self.raw is not None:
            return self.raw
        chat = "messages" in said
        text = self.text(said["messages"][-1]["content"] if chat else said["prompt"])
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        return json.dumps({"choices": [choice], "usage": {"completion_tokens": len(text)}}).encode()


@dataclass
class Adder:
    """The same model without a server between."""

    model: Model

    def observed(self) -> Observed:
        """Return that it is this."""
        return Observed({"engine": "adder", "engineVersion": "1", "backend": "cpu"})

    def answer(self, ask: Ask) -> Answer:
        """Answer at once."""
        prompt = ask.item.messages[-1][1]
        return Answer(Status.OK, self.model.text(prompt), prompt, count=1)

    def close(self) -> None:
        """Leave nothing."""


@contextmanager
def asking(model: Model, **options: Any) -> Iterator[Endpoint]:
    """Serve a model on loopback and give the engine that asks it, which is closed at the end."""
    with serving(model) as url, closing(Endpoint(url, "adder", **options)) as engine:
        yield engine


@contextmanager
def serving(model: Model) -> Iterator[str]:
    """Serve a model on loopback and give its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536

        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            model.seen.append(self.headers.get("authorization", ""))
            if model.most and len(model.seen) > model.most:
                model.released.wait(60)
            status = model.failing.pop(0) if model.failing else 200
            body = model.answer(said) if status == 200 else b'{"error": "not now"}'
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 as it is called there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sums(count: int = 60, *, request: Request = Request.CHAT, delta: float = 0.05) -> Suite:
    """Return a suite of sums."""
    items = tuple(
        Item(f"s-{at:04}", f"s-{at:04}", (("user", f"What is {at} + {3 * at + 1}?"),), str(4 * at + 1)) for at in range(count)
    )
    decoding = Decoding(0.0, 1.0, 8)
    return Suite("sums", "1", "CC0-1.0", request, decoding, ("number", "1"), 1, delta, 0.9, False, items)
