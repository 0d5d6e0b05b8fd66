"""PyTorch archives: recognised, storages compared, folders told apart."""

from __future__ import annotations

from tests.samples.archive import EMPTY, PLAIN, torch_zip
from tests.samples.zipcraft import archive
from tests.support.judging import judged, rules_of

from hanse.scan.budget import Budget, limits_for
from hanse.scan.dispatch import extract
from hanse.scan.facts import View
from hanse.scan.source import BytesSource, Source
from hanse.scan.torch import LEGACY_MAGIC, TorchMembers, claims, is_storage
from hanse.scan.walk import Walk
from hanse.scan.zipread import directories, find_ends, read_local


def _view(data: bytes, storages: list[dict[str, object]]) -> View:
    """Return PyTorch's view of an archive whose pickle names these storages."""

    def describe(source: Source, name: str, walk: Walk) -> None:
        with walk.view("pickle", name, source, executes=True) as view:
            view.see("storages", 0, storages=storages)

    source = BytesSource(data)
    walk = Walk(Budget(limits_for(len(data))), describe)
    members = TorchMembers()
    for entry in next(iter(directories(source, find_ends(source), walk.budget))).entries:
        local = read_local(source, entry.start)
        assert local is not None
        members.add(entry, local.start)
        if entry.name == "m/data.pkl":
            walk.descend(source, entry.name)
    members.observe(source, "", walk)
    return walk.views()[-1]


def _problems(*storages: tuple[object, object, object]) -> list[object]:
    named = [dict(zip(("key", "type", "elements"), one, strict=True)) for one in storages]
    return [one.data["problem"] for one in _view(PLAIN, named).all("torch.storage")]


def test_storages() -> None:
    """A storage must be there, be no path, and have the bytes that the pickle claims of it."""
    assert _problems(("0", "torch FloatStorage", 4)) == []
    assert _problems(("0", "torch FloatStorage", 5)) == ["size"]
    assert _problems(("0", "torch.storage UntypedStorage", 16)) == []
    assert _problems(("0", "torch ByteStorage", -1)) == ["size"]
    assert _problems(("0", "mystery", 1 << 40)) == []
    assert _problems(("1", "torch FloatStorage", 1), ("../0", "", 1), (None, "", 1)) == ["missing", "path", "key"]


def test_is_storage() -> None:
    """Only numbers in PyTorch's folders beside a data.pkl are raw bytes."""
    assert is_storage("m/data/12", {"m/"})
    for name in ("m/data/a.pkl", "x/data/1", "m/other/1", "data/1", "m/data/deep/1"):
        assert not is_storage(name, {"m/"})


def test_recognition() -> None:
    """The folder with data.pkl or constants.pkl is PyTorch's; other archives are none."""
    assert next(extract(BytesSource(PLAIN)).of("torch")).first("torch.archive") is not None
    for name in ("data.pkl", "a/b/data.pkl", "a/data.txt"):
        assert not list(extract(BytesSource(archive((name, EMPTY)))).of("torch"))
    assert claims(LEGACY_MAGIC + b"more", BytesSource(b""))


def test_two_roots() -> None:
    """PyTorch goes by the first member's folder, so another folder there is a trick."""
    assert "TORCH-TWO-ROOTS" in rules_of(judged(archive(("x/a.txt", b"hello"), *torch_zip()), "a.pt"))
