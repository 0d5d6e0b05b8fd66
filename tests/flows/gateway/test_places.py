"""Places that only the program names: what its client returns from there is checked before the program gets it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.caches import write_cache
from tests.support.rawhttp import RawClient, Reply
from tests.support.wholegateway import whole_gateway

from hanse.app_gateway import Gateway
from hanse.conform.origin import HubOrigin
from hanse.flows.audit.moves import restore

NAME, BAD = "org/m", "org/bad"
FILES = {"config.json": b'{"model_type": "bert"}', "model.safetensors": (8).to_bytes(8, "little") + b"{}      "}
EVIL = b"cposix\nsystem\n(S'id'\ntR."
"""A pickle that runs a command."""


class Person:
    """Somebody whose program names a folder, and a gateway."""

    def __init__(self, gateway: Gateway, origin: HubOrigin, folder: Path, said: list[str]) -> None:
        self.gateway = gateway
        self.origin = origin
        self.folder = folder
        self.said = said

    def put(self, repo: str, path: str, data: bytes, *, rev: str | None = None) -> None:
        """Leave a file in the folder as a client leaves it there, with its note."""
        note = self.folder / ".cache" / "huggingface" / "download" / f"{path}.metadata"
        note.parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(data)
        pin = self.origin.pins(repo)[path]
        note.write_text(f"{rev or self.origin.repo(repo).newest.rev}\n{pin.etag}\n1.0\n")

    def returned(self, repo: str, *files: str, token: str = "", **more: Any) -> Reply:
        """Tell the gateway what a client returned."""
        told: dict[str, Any] = {
            "type": "model",
            "repo": repo,
            "revision": None,
            "root": str(self.folder),
            "files": files,
            "local": True,
        }
        told |= more
        address, headers = f"/{self.gateway.url.rpartition('/')[2]}/-/given", {"authorization": f"Bearer {token}"}
        with RawClient(self.gateway.port) as client:
            return client("POST", address, json.dumps(told).encode(), headers)


@pytest.fixture(name="person")
def _person(tmp_path: Path) -> Iterator[Person]:
    said: list[str] = []
    with (
        HubOrigin({NAME: FILES, BAD: {"model.pkl": EVIL}}) as origin,
        whole_gateway(tmp_path / "home", upstream=origin.url, said=said) as gateway,
    ):
        (tmp_path / "folder").mkdir()
        yield Person(gateway, origin, tmp_path / "folder", said)


def test_what_is_right_is_counted(person: Person) -> None:
    """Files that are what the revision says are given, and the summary tells how many were looked at."""
    for path, data in FILES.items():
        person.put(NAME, path, data)
    (person.folder / "own.py").write_text("print()")
    reply = person.returned(NAME)
    assert (reply.status, reply.json()) == (200, {"altered": ""})
    assert person.gateway.summary().checked == len(FILES)
    assert person.said == []


def test_what_is_altered_is_moved(person: Person, tmp_path: Path) -> None:
    """A file with other bytes goes, is named with what it must be, and can be put back; the others and the person's own stay."""
    person.put(NAME, "config.json", b'{"model_type": "evil"}')
    person.put(NAME, "model.safetensors", FILES["model.safetensors"])
    (person.folder / "own.py").write_text("print()")
    told = person.returned(NAME, *FILES).json()["altered"]
    assert "config.json: it must have" in told
    assert not (person.folder / "config.json").exists()
    assert (person.folder / "model.safetensors").exists()
    assert (person.folder / "own.py").exists()
    assert "moved out of reach" in person.said[0]
    assert restore(person.folder, tmp_path / "home").moved == 1
    assert (person.folder / "config.json").read_bytes() == b'{"model_type": "evil"}'


def test_a_cache_of_the_program(person: Person, tmp_path: Path) -> None:
    """In a cache an altered blob goes with its link, so that the client fetches it again; other links of the snapshot stay."""
    rev = person.origin.repo(NAME).newest.rev
    entry = write_cache(tmp_path / "hub", FILES, rev=rev, repo="models--org--m")
    root = entry / "snapshots" / rev
    blob = Path(os.path.realpath(root / "config.json"))
    assert person.returned(NAME, root=str(root), local=False).json() == {"altered": ""}
    blob.write_bytes(b'{"model_type": "evil"}')
    assert "config.json" in person.returned(NAME, "config.json", root=str(root), local=False).json()["altered"]
    assert not blob.exists()
    assert sorted(one.name for one in root.iterdir()) == ["model.safetensors"]


def test_a_file_without_end(person: Person) -> None:
    """A file of another size is not read to its end to find that it is another; a name that is no text is told all the same."""
    person.put(NAME, "config.json", FILES["config.json"])
    with (person.folder / "config.json").open("r+b") as file:
        file.truncate(1 << 43)
    assert "it has 8,796,093,022,208" in person.returned(NAME, "config.json").json()["altered"]
    bad = os.fsdecode(b"\xff")
    assert "\\udcff" in person.returned(NAME, "config.json", root=f"{person.folder}/{bad}", local=False).json()["error"]


def test_what_was_put_into_a_snapshot(person: Person, tmp_path: Path) -> None:
    """Who gets a whole snapshot gets nothing that the revision does not have; what a link there leads to stays where it is."""
    rev = person.origin.repo(NAME).newest.rev
    root = write_cache(tmp_path / "hub", FILES, rev=rev, repo="models--org--m") / "snapshots" / rev
    (root / "more.safetensors").write_bytes(FILES["model.safetensors"])
    (person.folder / "own.py").write_text("print()")
    (root / "sub").symlink_to(person.folder)
    assert "more.safetensors: added" in person.returned(NAME, root=str(root), local=False).json()["altered"]
    assert sorted(one.name for one in root.iterdir()) == sorted(FILES)
    (root / "sub").symlink_to(person.folder)
    assert "sub/own.py" in person.returned(NAME, "sub/own.py", root=str(root), local=False).json()["altered"]
    assert not (root / "sub").is_symlink()
    assert (person.folder / "own.py").exists()


def test_the_persons_own_file_by_that_name(person: Person) -> None:
    """A file that no client downloaded is not what the revision has, and is the person's own: it is not given, and not moved."""
    (person.folder / "config.json").write_text("my own")
    (person.folder / "model.safetensors").mkdir()
    reply = person.returned(NAME)
    assert (reply.status, "config.json: it must have" in reply.json()["error"]) == (403, True)
    assert (person.folder / "config.json").read_text() == "my own"
    assert (person.folder / "model.safetensors").is_dir()
    assert person.gateway.summary().refused[0].repo == NAME


def test_what_the_policy_refuses(person: Person) -> None:
    """What the policy refuses is not given although it lies there unaltered, and the summary tells of it."""
    person.put(BAD, "model.pkl", EVIL)
    reply = person.returned(BAD, "model.pkl")
    assert reply.status == 403
    assert "model.pkl" in reply.json()["error"]
    assert (person.folder / "model.pkl").exists()
    assert person.gateway.summary().refused[0].repo == BAD


def test_what_not_everybody_may_see(person: Person) -> None:
    """A folder of a gated repository is compared with what its token may see, which the client sends along."""
    person.origin.repo(NAME).tokens = frozenset({"hf_mine"})
    person.put(NAME, "config.json", FILES["config.json"])
    assert person.returned(NAME, "config.json").status == 401
    assert person.returned(NAME, "config.json", token="hf_mine").json() == {"altered": ""}


@pytest.mark.parametrize("rev", [None, "c" * 40])
def test_what_nobody_vouches_for(person: Person, rev: str | None) -> None:
    """A folder of a repository or revision that nobody knows is not given: a client returns it unasked if it finds no server."""
    person.put(NAME, "config.json", FILES["config.json"], rev=rev)
    reply = person.returned(NAME if rev else "org/unknown", "config.json")
    assert reply.status >= 400
    assert "org/unknown" in reply.json()["error"] or "must not be used" in reply.json()["error"]
    assert (person.folder / "config.json").exists()


def test_what_is_told_wrongly(person: Person) -> None:
    """Nonsense is refused with what was expected, and only who knows the secret is answered."""
    reply = person.returned(NAME, root="relative")
    assert (reply.status, reply.headers["x-error-code"]) == (400, "BadFormat")
    with RawClient(person.gateway.port) as client:
        assert client("POST", "/wrong/-/given", b"{}").status == 403
