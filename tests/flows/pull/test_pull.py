"""Pulling: every byte checked, each once on disk, nothing placed of what is refused."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.ports import own_port
from tests.support.pull_person import EVIL, FILES, NAME, UNIQUE, Person, disk_use, lying_twice

from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin
from hanse.errors import EntryNotFound, IntegrityError, PeerDown, PolicyError, RepoNotFound, StorageError
from hanse.flows.pull import placing as module
from hanse.flows.pull.into_cache import entry_folder
from hanse.flows.pull.pull import adopt_present, wanted_files
from hanse.model.digest import GitOid
from hanse.model.filepin import FilePin
from hanse.model.receipt import HELD, split_receipt
from hanse.model.repo import RepoType
from hanse.store.held.store import Held


@pytest.fixture(name="origin", params=[True, False], ids=["chunks", "plain"])
def _origin(request: pytest.FixtureRequest) -> Iterator[HubOrigin]:
    with HubOrigin({NAME: FILES}, xet=request.param, chunk_lists=request.param) as origin:
        yield origin


@pytest.fixture(name="plain")
def _plain() -> Iterator[HubOrigin]:
    with HubOrigin({NAME: FILES}, port=own_port()) as origin:
        yield origin


@pytest.fixture(name="facts", scope="module")
def _facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    with HubOrigin({NAME: FILES}, port=own_port()) as origin:
        person = Person(tmp_path_factory.mktemp("first"), origin.url)
        person.pull()
        return person.facts()


@pytest.fixture(name="person")
def _person(tmp_path: Path, facts: dict[str, bytes]) -> Person:
    return Person(tmp_path, "http://127.0.0.1:9").knows(facts)


def _of(person: Person, origin: HubOrigin) -> Person:
    person.url = origin.url
    return person


def _read(folder: Path) -> dict[str, bytes]:
    files = (one for one in folder.rglob("*") if one.is_file())
    named = {one.relative_to(folder).as_posix(): one.read_bytes() for one in files}
    return {name: data for name, data in named.items() if not name.startswith(".cache/")}


def test_into_the_cache(person: Person, origin: HubOrigin) -> None:
    """Every file is where clients look, is on disk once, and the store finds it there."""
    pulled = _of(person, origin).pull()
    assert _read(pulled.path) == FILES
    assert pulled.path.parent.name == "snapshots"
    assert disk_use(person.folder) <= UNIQUE * 1.05
    assert lying_twice(person.folder) == []
    with Held.open(person.home / "held") as held:
        for pin in origin.pins(NAME).values():
            found = held.find(pin)
            assert found is not None
            assert found.path.is_relative_to(person.cache)
            assert found.adopted
        assert not [one for one in held.stock().listed() if not one.adopted]
    assert not [one for one in (person.home / "held" / "files").rglob("*") if one.is_file()]


def test_the_receipt(person: Person, plain: HubOrigin) -> None:
    """It says what was received from whom, is kept, and what it says of the files is true."""
    pulled = _of(person, plain).pull()
    receipt = pulled.receipt
    assert (receipt.repo.path, receipt.ref, receipt.rung.value, receipt.signers) == (NAME, "main", "local", ())
    assert {one.path: one.sha256 for one in receipt.files} == {
        name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()
    }
    assert {one.name for one in receipt.sources} - {HELD} == {plain.url.removeprefix("http://")}
    assert pulled.kept is not None
    assert split_receipt(pulled.kept.read_bytes())[0] == receipt


def test_large_files_of_the_same_content(person: Person) -> None:
    """They are fetched once, and nobody is told that one waits for the other."""
    data = bytes(range(256)) * 4096
    with HubOrigin({NAME: {"a.bin": data, "b.bin": data}}) as origin:
        origin.faults.set(Fault.TRUNCATED, path="*.bin", times=2)  # whoever asks first is not done at once
        pulled = _of(person, origin).pull()
        assert {one.name: one.size for one in pulled.sources} == {
            HELD: len(data),
            origin.url.removeprefix("http://"): len(data),
        }
    assert _read(pulled.path) == {"a.bin": data, "b.bin": data}
    assert "fetched already" not in " ".join(pulled.remarks)


def test_what_is_held_needs_no_network(person: Person, plain: HubOrigin) -> None:
    """A second pull goes to nobody, says so and as of when, and the receipt keeps where the bytes came from."""
    first = _of(person, plain).pull()
    plain.stop()
    again = person.pull()
    alone = person.alone().pull()
    assert again.path == alone.path == first.path
    assert any("as of" in one for one in alone.receipt.notices)
    assert person.progress is not None
    assert {one.name for one in again.receipt.sources} == {one.name for one in first.receipt.sources} - {HELD}
    assert [one.name for one in alone.sources] == [HELD]


def test_a_lost_cache_is_fetched_again(person: Person, plain: HubOrigin) -> None:
    """Whoever removes the cache has nothing; the next pull brings it back, and without network it says so."""
    path = _of(person, plain).pull().path
    shutil.rmtree(person.cache)
    with pytest.raises(PeerDown, match="not held here"):
        person.alone().pull()
    assert _read(person.pull().path) == FILES == _read(path)


def test_what_clients_had_is_not_fetched(person: Person, plain: HubOrigin) -> None:
    """A right file in the client's cache is hashed and indexed; a false one of the right name and size is replaced."""
    pins = plain.pins(NAME)
    blobs = entry_folder(person.cache, RepoType.MODEL, NAME) / "blobs"
    blobs.mkdir(parents=True)
    for name in ("model.safetensors", "config.json"):
        (blobs / pins[name].etag).write_bytes(FILES[name])
    (blobs / pins["sub/copy.bin"].etag).write_bytes(b"x" * 2_000_000)
    inode = (blobs / pins["config.json"].etag).stat().st_ino
    assert _read(_of(person, plain).pull().path) == FILES
    assert person.progress is not None
    assert person.progress.sources[HELD] >= 3_000_000
    assert (blobs / pins["config.json"].etag).stat().st_ino == inode
    asked = {one.path for one in plain.requests}
    assert not any("model.safetensors" in one or "config.json" in one for one in asked)


def test_a_cache_without_links_is_taken_up(person: Person, plain: HubOrigin) -> None:
    """Files that a client had to put into snapshots themselves, of this revision or another, are hashed and not fetched."""
    for rev, name in (("0" * 40, "model.safetensors"), (plain.repo(NAME).newest.rev, "config.json")):
        path = entry_folder(person.cache, RepoType.MODEL, NAME) / "snapshots" / rev / name
        path.parent.mkdir(parents=True)
        path.write_bytes(FILES[name])
    blob = entry_folder(person.cache, RepoType.MODEL, NAME) / "blobs" / "left.incomplete"
    blob.parent.mkdir()
    blob.touch()
    assert _read(_of(person, plain).pull().path) == FILES
    asked = {one.path for one in plain.requests}
    assert not any("model.safetensors" in one or "config.json" in one for one in asked)


def test_a_link_in_place_of_a_blob_leads_nowhere(person: Person, plain: HubOrigin, tmp_path: Path) -> None:
    """A blob that is a link, as clients share them, is replaced by a file of its own, even if its bytes are right now."""
    pins = plain.pins(NAME)
    blobs = entry_folder(person.cache, RepoType.MODEL, NAME) / "blobs"
    blobs.mkdir(parents=True)
    (tmp_path / "shared").write_bytes(FILES["config.json"])
    blob = blobs / pins["config.json"].etag
    blob.symlink_to(tmp_path / "shared")
    _of(person, plain).pull()
    assert not blob.is_symlink()
    (tmp_path / "shared").write_text("altered")
    assert blob.read_bytes() == FILES["config.json"]


@pytest.mark.parametrize("taken", ["model.safetensors/mine.txt", "sub", ".cache/huggingface/download/config.json.metadata/mine"])
def test_a_place_that_is_taken(person: Person, plain: HubOrigin, tmp_path: Path, taken: str) -> None:
    """A folder where a file goes, or a file where a folder goes, is named before anything is replaced or fetched."""
    folder = tmp_path / "out"
    (folder / taken).parent.mkdir(parents=True)
    (folder / taken).write_text("mine")
    (folder / "config.json").write_text("mine")
    with pytest.raises(StorageError, match=rf"{taken.split('/mine', maxsplit=1)[0]} is a f") as refused:
        _of(person, plain).pull(to=folder)
    assert "move it away" in refused.value.hint
    assert (folder / "config.json").read_text() == "mine"
    assert not any("model.safetensors" in one.path for one in plain.requests)


def test_a_malicious_file_refuses_all(person: Person, plain: HubOrigin) -> None:
    """Of a revision with a file that runs commands nothing is put where programs look, and the reason and remedy are said."""
    plain.commit(NAME, {**FILES, "pytorch_model.bin": EVIL})
    for _ in range(2):
        with pytest.raises(PolicyError, match=r"pytorch_model.bin") as caught:
            _of(person, plain).pull()
        assert caught.value.hint
        assert not person.cache.exists()


def test_lies_are_told_and_nothing_is_placed(person: Person, origin: HubOrigin) -> None:
    """A source that sends other bytes is named; nobody honest has the file, so nothing is placed."""
    origin.faults.set(Fault.WRONG_BYTES, path="model.safetensors")
    with pytest.raises(IntegrityError, match=r"127\.0\.0\.1"):
        _of(person, origin).pull()
    assert not person.cache.exists()
    origin.faults.clear()
    assert _read(person.pull().path) == FILES


def test_parts(person: Person, plain: HubOrigin) -> None:
    """Patterns choose files; a later pull of the rest fetches that alone, and the receipt has both."""
    first = _of(person, plain).pull(include=("*.json", "sub/"))
    assert set(_read(first.path)) == {name for name in FILES if name.startswith("sub/") or name == "config.json"}
    second = person.pull(exclude=("*.json", "sub/"))
    assert _read(second.path) == FILES
    assert len(second.receipt.files) == len(FILES)
    with pytest.raises(EntryNotFound, match="patterns"):
        person.pull(include=("*.nothing",))


def test_into_a_folder(person: Person, origin: HubOrigin, tmp_path: Path) -> None:
    """A folder gets plain files and a receipt beside it; what the cache has already is not fetched again."""
    pulled = _of(person, origin).pull(to=tmp_path / "out")
    assert _read(tmp_path / "out") == FILES
    assert pulled.path == tmp_path / "out"
    assert split_receipt((tmp_path / "out.hanse.jsonl").read_bytes())[0] == pulled.receipt
    before = origin.bytes_sent
    assert _read(person.pull().path) == FILES
    assert origin.bytes_sent - before < 20_000, "names only"


def test_one_folder_does_not_change_another(person: Person, plain: HubOrigin, tmp_path: Path) -> None:
    """A user who writes into his folder does not write into the cache, and what he wrote is not taken for what it was."""
    snapshot = _of(person, plain).pull().path
    person.pull(to=tmp_path / "out")
    with (tmp_path / "out" / "config.json").open("r+b") as file:
        file.write(b"altered")
    assert (snapshot / "config.json").read_bytes() == FILES["config.json"]
    person.pull(to=tmp_path / "out")
    assert _read(tmp_path / "out") == FILES


def test_another_file_system(person: Person, plain: HubOrigin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be moved, files are copied, and the store keeps no second copy."""
    monkeypatch.setattr(module, "move", lambda *_: False)
    assert _read(_of(person, plain).pull().path) == FILES
    assert not [one for one in (person.home / "held" / "files").rglob("*") if one.is_file()]
    assert _read(person.alone().pull().path) == FILES


def test_what_is_pinned_stays_in_the_store(person: Person, plain: HubOrigin) -> None:
    """A file that the store was told to keep is copied to where it is wanted, so that nobody can lose it there."""
    pin = plain.pins(NAME)["config.json"]
    with Held.open(person.home / "held") as held:
        held.pin(hashlib.sha256(FILES["config.json"]).hexdigest())
    _of(person, plain).pull()
    shutil.rmtree(person.cache)
    with Held.open(person.home / "held") as held:
        found = held.find(pin)
    assert found is not None
    assert not found.adopted


def test_receipts_that_cannot_be_written(person: Person, plain: HubOrigin) -> None:
    """The files are had all the same; that there is no receipt is said."""
    (person.home / "receipts").write_text("not a folder")
    pulled = _of(person, plain).pull()
    assert _read(pulled.path) == FILES
    assert pulled.kept is None
    assert any("no receipt" in one for one in pulled.remarks)


def test_revisions(person: Person, plain: HubOrigin) -> None:
    """A commit id stays what it was after main moved on, and both are in the cache."""
    old = plain.repo(NAME).refs["refs/heads/main"]
    plain.commit(NAME, {"config.json": b"new"})
    assert _read(_of(person, plain).pull().path) == {"config.json": b"new"}
    assert _read(person.pull(old).path) == FILES
    refs = entry_folder(person.cache, RepoType.MODEL, NAME) / "refs"
    assert [one.name for one in refs.iterdir()] == ["main"]


def test_names_that_nobody_has(person: Person, plain: HubOrigin) -> None:
    """No repository is no repository, and leaves nothing behind."""
    with pytest.raises(RepoNotFound):
        _of(person, plain).pull(name="org/nothing")
    assert not person.cache.exists()


PIN = FilePin("a", 1, GitOid("a" * 40), lfs=False)


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ((), (), ["a.txt", "b/c.bin", "b/d/e.bin", "b/weird[1].txt"]),
        (("*.bin",), (), ["b/c.bin", "b/d/e.bin"]),
        (("b/",), ("b/d/",), ["b/c.bin", "b/weird[1].txt"]),
        ((), ("*",), None),
        (("A.TXT",), (), None),
        (("b/weird[[]1].txt",), (), ["b/weird[1].txt"]),
    ],
)
def test_patterns(include: tuple[str, ...], exclude: tuple[str, ...], expected: list[str] | None) -> None:
    """Patterns mean what they mean for `hf download`."""
    files = {path: replace(PIN, path=path) for path in ("a.txt", "b/c.bin", "b/d/e.bin", "b/weird[1].txt")}
    if expected is None:
        with pytest.raises(EntryNotFound):
            wanted_files(files, include, exclude)
    else:
        assert [one.path for one in wanted_files(files, include, exclude)] == expected


def test_only_what_it_is_said_to_be_is_adopted(tmp_path: Path, plain: HubOrigin) -> None:
    """A folder, a pipe, a file of another size, and one that is not there are passed over."""
    pin = plain.pins(NAME)["config.json"]
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "longer").write_bytes(FILES["config.json"] + b" ")
    with Held.open(tmp_path / "held") as held:
        for name in ("folder", "pipe", "longer", "absent"):
            adopt_present(held, [(pin, [tmp_path / name])])
        assert held.find(pin) is None
