"""A member's endpoint on loopback whose engine adds, and one that lies: whatever its fields say is changed on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.types import Message, Receive, Scope, Send
from tests.support.openaiserver import Adder, Model
from tests.support.served import hosted
from tests.support.signers import signer

from hanse.evals.record import WeightsClass
from hanse.flows.evaluate.serving import Member, ServedModel
from hanse.flows.evaluate.subject import Subject
from hanse.model.digest import Sha256
from hanse.model.publickey import Scheme
from hanse.model.repo import Origin
from hanse.web.endpoint import EndpointApp

MEMBER, NAME, TREE = Origin("uni.example"), "uni/adder", Sha256("7" * 64)
KEY = signer("uni", Scheme.ECDSA_P256)


@dataclass
class Time:
    """A clock that is set."""

    at: int

    def now(self) -> int:
        """Return what it is set to."""
        return self.at


@dataclass
class Between:
    """What stands between a caller and an endpoint. change: of a body, by path; status: of what is passed on."""

    change: Callable[[str, bytes], bytes] = field(default=lambda _, body: body)
    headers: Callable[[str, list[tuple[bytes, bytes]]], list[tuple[bytes, bytes]]] = field(default=lambda _, headers: headers)

    async def pass_on(self, app: EndpointApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back, changed."""
        path, begun = scope["path"], dict[str, Any]()

        async def back(message: Message) -> None:
            if message["type"] == "http.response.body":
                body = self.change(path, message["body"])
                await send(begun | {"headers": [*begun["headers"], (b"content-length", b"%d" % len(body))]})
                await send({"type": "http.response.body", "body": body})
            else:
                kept = [one for one in message["headers"] if one[0] != b"content-length"]
                begun.update(message, headers=self.headers(path, kept))

        await app(scope, receive, back)


def served_model(now: int, *, model: Model | None = None, seconds: int = 3600, tree: Sha256 = TREE) -> ServedModel:
    """Return a model that adds, served by MEMBER at a time."""
    subject = Subject(tree, f"{NAME}@{'1' * 40}", WeightsClass.LOCAL)
    member = Member(MEMBER, KEY, seconds)
    return ServedModel(subject, Adder(model or Model()), member, Time(now), names=(NAME,), digests={"gitCommit": "1" * 40})


@contextmanager
def serving(model: ServedModel, between: Between | None = None, key: str = "") -> Iterator[str]:
    """Serve it for the length of a `with` block and give its address."""
    app, changed = EndpointApp(model, key, lambda: None), between or Between()

    async def whole(scope: Scope, receive: Receive, send: Send) -> None:
        await changed.pass_on(app, scope, receive, send)

    with hosted(whole) as url:
        yield url


def public_key(folder: Path) -> Path:
    """Write the member's public key, as `hanse key export attest` prints it, and return the file."""
    path = folder / "member.pem"
    path.write_text(KEY.public.pem)
    return path
