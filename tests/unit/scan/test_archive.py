"""Zip archives: what each reader would see is read, and what they disagree about is found."""

from __future__ import annotations

import pytest
from tests.samples.archive import HARMLESS, HIDES, PAYLOAD
from tests.samples.zipcraft import Craft, Part, archive
from tests.support.judging import judged, rules_of

from hanse.model.finding import Coverage, Verdict
from hanse.scan.archive import claims, observe
from hanse.scan.budget import Budget, limits_for
from hanse.scan.dispatch import extract
from hanse.scan.facts import View
from hanse.scan.source import BytesSource, Source
from hanse.scan.walk import Walk


def walked(data: bytes, member: str = "") -> tuple[View, dict[str, bytes]]:
    """Return the view of an archive, and the members that it leads to."""
    seen: dict[str, bytes] = {}

    def describe(source: Source, name: str, _walk: Walk) -> None:
        seen[f"{name}#{len(seen)}"] = source.read_at(0, source.size)

    source = BytesSource(data)
    walk = Walk(Budget(limits_for(len(data))), describe)
    with walk.view("zip", member, source, executes=True) as view:
        observe(source, view, walk)
    return walk.views()[0], seen


@pytest.mark.parametrize("sample", HIDES.malicious, ids=lambda one: one.path)
def test_payloads_are_reached(sample: object) -> None:
    """However a member is hidden, its bytes are read, or in front of the archive where they are read as the start of the file."""
    data: bytes = sample.data  # type: ignore[attr-defined]
    assert PAYLOAD in walked(data)[1].values()


@pytest.mark.parametrize("sample", HIDES.benign, ids=lambda one: one.path)
def test_ordinary_archives_have_no_findings(sample: object) -> None:
    """What ordinary tools write is no cause for alarm."""
    assert judged(sample.data, sample.path).verdict.rank < Verdict.SUSPICIOUS.rank  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("part", "rule"),
    [
        (Part(b"a", b"hello", local_name=b"b"), "ZIP-READERS-DIFFER"),
        (Part(b"a", b"hello", local_method=8), "ZIP-READERS-DIFFER"),
        (Part(b"a", b"hello", local_size=4), "ZIP-READERS-DIFFER"),
        (Part(b"a", b"hello", local_flags=0x40), "ZIP-FLAGS-LIE"),
        (Part(b"a", b"hello", flags=1), "ZIP-FLAGS-LIE"),
        (Part(b"a", b"hello", crc=5), "ZIP-CHECKSUM"),
        (Part(b"a\0b", b"hello"), "ZIP-NAME-NUL"),
        (Part(b"a", b"hello", listed=False), "ZIP-HIDDEN-MEMBER"),
        (Part(b"../a", b"hello"), "ARCHIVE-PATH-ESCAPES"),
        (Part(b"/data/a", b"hello"), "ARCHIVE-PATH-ABSOLUTE"),
        (Part(b"a\\b", b"hello"), "ARCHIVE-NAME-ODD"),
        (Part(b"a", b"hello", size=6, local_size=6), "ZIP-CHECKSUM"),
    ],
)
def test_tricks(part: Part, rule: str) -> None:
    """Each trick has its rule."""
    assert rule in rules_of(judged(Craft((part, Part(b"z", b"zz"))).build(), "a.zip"))


def test_both_interpretations_are_read() -> None:
    """Where the two headers name different bytes, both are read."""
    _, seen = walked(Craft((Part(b"a", b"hello", size=2, local_size=5),)).build())
    assert list(seen.values()) == [b"he", b"hello"]


def test_duplicates() -> None:
    """Two members of one name are told apart by content."""
    assert "ZIP-DUPLICATE" in rules_of(judged(archive(("a", b"1"), ("a", b"2")), "a.zip"))
    assert rules_of(judged(archive(("a", b"1"), ("a", b"1")), "a.zip")) == {"ZIP-DUPLICATE-SAME"}


def test_encrypted_members() -> None:
    """A closed archive is a caution that nothing can run, under a model's name it is suspicious."""
    data = Craft((Part(b"a", bytes(12) + b"12345", flags=1, size=5),)).build()
    found = judged(data, "a.zip")
    assert (found.verdict, found.coverage, found.executes) == (Verdict.CAUTION, Coverage.INCONCLUSIVE, False)
    assert judged(data, "a.pt").verdict is Verdict.SUSPICIOUS


def test_unknown_compression_is_inconclusive() -> None:
    """A method that is not read leaves a gap in something that can run."""
    found = judged(Craft((Part(b"a", b"hello", method=97),)).build(), "a.zip")
    assert (found.coverage, found.executes) == (Coverage.INCONCLUSIVE, True)


def test_overlapping_members() -> None:
    """A member inside another one is found."""
    inner = archive(("b", b"hello"))[:36]
    data = Craft((Part(b"a", inner), Part(b"b", b"hello"))).build()
    start = data.index(inner, 4)
    forged = data[: data.rfind(b"PK\x01\x02") + 42] + start.to_bytes(4, "little") + data[data.rfind(b"PK\x01\x02") + 46 :]
    assert "ZIP-OVERLAP" in rules_of(judged(forged, "a.zip"))


def test_bombs() -> None:
    """An archive that says it unpacks to hundreds of times its size is a bomb; nothing is unpacked to find out."""
    data = Craft((Part(b"a", b"\0" * 9000, method=8, size=400_000_000),)).build()
    found = judged(data, "a.zip")
    assert "ARCHIVE-BOMB" in rules_of(found)
    assert found.spent["inflated"] < 1_000_000


def test_archives_that_bring_server_code() -> None:
    """A TorchServe archive with a handler is a program, so it is served with a warning."""
    manifest = ("MAR-INF/MANIFEST.json", b'{"model": {"handler": "h.py"}}')
    assert "TORCHSERVE-CODE" in rules_of(judged(archive(manifest, ("h.py", b"class H:\n    x = 1\n")), "a.mar"))
    assert "TORCHSERVE-CODE" not in rules_of(judged(archive(manifest), "a.mar"))


def test_tensors_that_look_like_formats() -> None:
    """Numbers of a tensor that begin like a container are numbers; a pickle among them is still found."""
    ids = (20_000).to_bytes(8, "little") + (123).to_bytes(8, "little") * 9
    facts = extract(BytesSource(archive(("m/data.pkl", HARMLESS), ("m/data/0", ids), ("m/data/1", PAYLOAD))))
    assert {view.format for view in facts.views if view.member == "m/data/0"} == set()
    assert {view.format for view in facts.views if view.member == "m/data/1"} == {"pickle"}


def test_claims() -> None:
    """Archives are recognised from both ends, not inside tensors, tar archives or pickles that hold one."""
    plain = archive(("a", b"hello"))
    assert claims(plain[:4096], BytesSource(plain))
    for data, expected in (
        (b"front" * 20 + plain, True),
        (plain + b"behind", True),
        (archive(), True),
        (bytes(100) + b"PK\x05\x06" + bytes(100), False),
        (b"\x80\x04" + plain + HARMLESS, False),
        (b"hello" * 40, False),
    ):
        assert claims(data[:4096], BytesSource(data)) is expected


def test_big_tensors_are_not_read() -> None:
    """Of a stored tensor only its head is read, however long it is."""

    class Counting(BytesSource):
        read = 0

        def read_at(self, offset: int, length: int) -> bytes:
            found = super().read_at(offset, length)
            Counting.read += len(found)
            return found

    source = Counting(archive(("m/data.pkl", HARMLESS), ("m/data/0", bytes(8_000_000))))
    walk = Walk(Budget(limits_for(source.size)), lambda member, _name, _walk: member.read_at(0, 4096) and None)
    with walk.view("zip", "", source, executes=True) as view:
        observe(source, view, walk)
    assert Counting.read < 300_000


def test_directories_that_say_the_same_are_no_alarm() -> None:
    """A copy of the directory, to which another end record leads, hides nothing."""
    data = archive(("a.txt", b"hello"), ("b.txt", b"world"))
    copy = bytearray(data[data.find(b"PK\x01\x02") :])
    copy[-6:-2] = len(data).to_bytes(4, "little")
    rules = rules_of(judged(data[:-2] + len(copy).to_bytes(2, "little") + copy))
    assert "ZIP-TWO-DIRECTORIES" not in rules
    other = archive(("c.txt", b"hello"))
    assert "ZIP-TWO-DIRECTORIES" in rules_of(judged(archive(("a.txt", b"hello"), comment=other)))


@pytest.mark.parametrize("zip64", [False, True])
def test_archives_of_tensors_have_no_findings_whatever_their_name(*, zip64: bool) -> None:
    """The length of the folder's name in a PyTorch file makes no difference."""
    for length in range(1, 81):
        parts = [("data.pkl", b"\x80\x02}q\x00."), ("byteorder", b"little"), ("data/0", bytes(64)), ("version", b"3\n")]
        data = archive(*[(f"{'x' * length}/{name}", value) for name, value in parts], zip64=zip64)
        assert judged(data, "model.pt").verdict is Verdict.SAFE, length
