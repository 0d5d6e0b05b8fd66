"""Containers under arbitrary damage: never an exception, never over budget, and equal to the standard readers on good ones."""

from __future__ import annotations

import io
import tarfile
import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.samples.archive import FAMILIES, PLAIN, seven, tar
from tests.samples.base import Sample

from hanse.scan import archive, tarball
from hanse.scan.budget import Budget, limits_for
from hanse.scan.dispatch import extract
from hanse.scan.facts import Facts
from hanse.scan.limits import MACHINE_REASONS
from hanse.scan.source import BytesSource, Source
from hanse.scan.walk import Walk

SMALL = [
    one
    for family in FAMILIES.values()
    for one in (*family.malicious, *family.benign, *family.malformed)
    if len(one.data) < 40_000
]
_names = st.text(
    st.characters(codec="utf-8", exclude_characters="\0/\\", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12
)
_members = st.dictionaries(_names, st.binary(max_size=300), max_size=6)


def _mutated(data: bytes, edits: list[tuple[int, int]], cut: int) -> bytes:
    changed = bytearray(data)
    for place, value in edits:
        if changed:
            changed[place % len(changed)] = value
    return bytes(changed[: len(changed) - cut % (len(changed) + 1)]) if cut else bytes(changed)


def _is_sound(facts: Facts) -> None:
    limits = limits_for(facts.size)
    assert all(used <= limits[name] for name, used in facts.spent.items())
    assert [view.stopped for view in facts.views if view.stopped and view.stopped.startswith(MACHINE_REASONS)] == []


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(SMALL),
    st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 255)), max_size=8),
    st.one_of(st.just(0), st.integers(0, 40_000)),
)
def test_damage(sample: Sample, edits: list[tuple[int, int]], cut: int) -> None:
    """Any container with changed or missing bytes is read without error, within its budget."""
    _is_sound(extract(BytesSource(_mutated(sample.data, edits, cut))))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([b"PK\x03\x04", b"PK\x05\x06", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08", b"\x5d\x00\x00", b"\x7fELF", b"MZ"]),
    st.binary(max_size=400),
)
def test_noise(magic: bytes, data: bytes) -> None:
    """A magic number with noise behind it is read without error."""
    _is_sound(extract(BytesSource(magic + data)))


def _read(data: bytes, module: object) -> dict[str, bytes]:
    found: dict[str, bytes] = {}

    def describe(source: Source, name: str, _walk: Walk) -> None:
        found[name] = source.read_at(0, source.size)

    source = BytesSource(data)
    walk = Walk(Budget(limits_for(len(data))), describe)
    with walk.view("x", "", source, executes=True) as view:
        module.observe(source, view, walk)  # type: ignore[attr-defined]
    return found


@settings(max_examples=40, deadline=None)
@given(_members, st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]), st.binary(max_size=30))
def test_zip_as_the_standard_library_reads_it(members: dict[str, bytes], method: int, comment: bytes) -> None:
    """Members of good zip archives are those that zipfile finds."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        made.comment = comment if b"PK" not in comment else b""
        for name, data in members.items():
            made.writestr(zipfile.ZipInfo(name), data, method)
    with zipfile.ZipFile(io.BytesIO(out.getvalue())) as theirs:
        expected = {name: theirs.read(name) for name in theirs.namelist()}
    assert _read(out.getvalue(), archive) == expected


@settings(max_examples=40, deadline=None)
@given(_members, st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
def test_tar_as_the_standard_library_reads_it(members: dict[str, bytes], kind: int) -> None:
    """Members of good tar archives are those that tarfile finds."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as made:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    expected = {}
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as theirs:
        for info in theirs:
            member = theirs.extractfile(info)
            assert member is not None
            expected[info.name] = member.read()
    assert _read(out.getvalue(), tarball) == expected


def test_facts_do_not_depend_on_the_walk_before() -> None:
    """The same bytes give the same facts, whatever was read before."""
    for data in (PLAIN, tar(("a", b"hello")), seven(b"hello")):
        assert extract(BytesSource(data)).to_json() == extract(BytesSource(data)).to_json()
