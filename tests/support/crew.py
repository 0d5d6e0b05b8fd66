"""Workers behind one socket, each of which answers its process id and says in a file that it closed."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from hanse.logs import configure_logging
from hanse.web.workers import Workers


@dataclass
class Crew:
    """The application: it starts if `folder` has no file `broken`, and leaves a file `closed-PID` there."""

    folder: Path

    def __call__(self) -> ASGIApp:
        """Return the application."""
        assert not (self.folder / "broken").exists()
        return Starlette(routes=[Route("/", _answer)])

    def close(self) -> None:
        """Say that this was called."""
        (self.folder / f"closed-{os.getpid()}").touch()


def _answer(_request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(os.getpid()), headers={"connection": "close"})


def crew(folder: Path, port: int, count: int) -> Workers:
    """Return the supervisor of so many workers on a port of this machine."""
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(Crew(folder), factory=True, lifespan="off", log_config=None, workers=count)
    return Workers(config, listener, f"http://127.0.0.1:{port}")


if __name__ == "__main__":
    configure_logging("text", "warning")
    made = crew(Path(sys.argv[1]), int(sys.argv[2]), 2)
    made.run()
    sys.exit(int(made.failed))
