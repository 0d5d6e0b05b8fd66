"""Model Signing manifests: ours carry what `tree` is made of, those of others are read under the same rules."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import pytest
from tests.support.signing import FILES, REPO, REV, TREE, entries, manifest, verified

from hanse.errors import BadFormat, HanseError
from hanse.sign.oms import ManifestFile, manifest_statement, parse_manifest
from hanse.sign.statement import OMS, Statement, parse_statement


def _altered(change: dict[str, Any], *, resource: dict[str, Any] | None = None, digest: bool = False) -> Statement:
    """Return the manifest with predicate fields changed (None: removed), one resource changed, the subject made right again."""
    fields = copy.deepcopy(json.loads(manifest().encode()))
    predicate = fields["predicate"] | change
    predicate = {name: value for name, value in predicate.items() if value is not None}
    if resource is not None:
        given = predicate["resources"][0] | resource
        predicate["resources"][0] = {name: value for name, value in given.items() if value is not None}
    if digest:
        whole = b"".join(bytes.fromhex(one["digest"]) for one in predicate["resources"])
        fields["subject"][0]["digest"]["sha256"] = hashlib.sha256(whole).hexdigest()
    return parse_statement(json.dumps(fields | {"predicate": predicate}).encode())


def test_round_trip() -> None:
    """Every file comes back with all its names, and the revision with it."""
    found = parse_manifest(verified(manifest()))
    listed = [ManifestFile(one.path, one.size, one.sha256, one.xet) for one in sorted(entries(), key=lambda one: one.path)]
    assert list(found.files) == listed
    assert (found.repo, found.rev, found.tree, found.name) == (REPO, REV, TREE, "Tiny")
    assert found.unsigned == ()


def test_the_form_that_stock_verifiers_read() -> None:
    """Whole files, SHA-256, nothing left out, sorted, and a subject over the raw digests without names."""
    said = manifest()
    assert said.predicate_type == OMS
    assert said.predicate["serialization"] == {
        "method": "files",
        "hash_type": "sha256",
        "allow_symlinks": False,
        "ignore_paths": [],
    }
    names = [one["name"] for one in said.predicate["resources"]]
    assert names == sorted(FILES)
    whole = b"".join(hashlib.sha256(FILES[name]).digest() for name in names)
    assert [dict(one.digest) for one in said.subjects] == [{"sha256": hashlib.sha256(whole).hexdigest()}]


def test_no_order_of_entries_matters() -> None:
    """The manifest of the same files is the same bytes, in whatever order they are given."""
    assert manifest_statement("Tiny", reversed(entries()), REPO, REV, TREE).encode() == manifest().encode()
    with pytest.raises(BadFormat):
        manifest_statement("Tiny", [], REPO, REV, TREE)


def test_a_stock_manifest() -> None:
    """Without the extra fields the revision is unknown and sizes are, too."""
    stock = _altered(dict.fromkeys(("origin", "type", "repo", "rev", "tree")))
    plain = [{name: one[name] for name in ("name", "algorithm", "digest")} for one in stock.predicate["resources"]]
    found = parse_manifest(verified(_altered(dict.fromkeys(("origin", "type", "repo", "rev", "tree")) | {"resources": plain})))
    assert (found.revision, found.repo, found.rev, found.tree) == (None, None, None, None)
    assert all(file.size is None and file.xet is None for file in found.files)


@pytest.mark.parametrize(
    "change",
    [
        {"serialization": None},
        {"serialization": {"method": "shards", "hash_type": "sha256", "allow_symlinks": False}},
        {"serialization": {"method": "files", "hash_type": "blake3", "allow_symlinks": False}},
        {"serialization": {"method": "files", "hash_type": "sha256"}},
        {"serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": "false"}},
        {"serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": "x"}},
        {"serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": [1]}},
        {"resources": None},
        {"resources": []},
        {"resources": ["x"]},
        {"rev": None},
        {"tree": None, "rev": None},
        {"origin": 1},
        {"type": "models"},
        {"repo": "acme"},
        {"rev": "zz"},
        {"tree": "00"},
    ],
)
def test_other_manifests_are_refused(change: dict[str, Any]) -> None:
    """Other methods and hashes, no files, half of a revision, names that are none."""
    with pytest.raises(HanseError):
        parse_manifest(verified(_altered(change)))


@pytest.mark.parametrize(
    "resource",
    [
        {"name": "../x"},
        {"name": "/etc/passwd"},
        {"name": "a//b"},
        {"name": "a\\b"},
        {"name": ".git/config"},
        {"name": None},
        {"name": "config.json"},
        {"digest": "00"},
        {"digest": "AB" * 32},
        {"digest": None},
        {"algorithm": "blake2b"},
        {"algorithm": None},
        {"size": -1},
        {"size": 1.5},
        {"size": True},
        {"size": 2**53},
        {"size": None},
        {"xet": None},
        {"xet": "00"},
        {"xet": 1},
    ],
)
def test_other_files_are_refused(resource: dict[str, Any]) -> None:
    """Paths that leave the folder, files listed twice, other digests, sizes that are none, a size or xet missing."""
    with pytest.raises(HanseError):
        parse_manifest(verified(_altered({}, resource=resource, digest="digest" not in resource)))


def test_the_subject_binds_the_list() -> None:
    """A list whose digests are not those of the subject is inconsistent, whoever signed it."""
    with pytest.raises(BadFormat, match="inconsistent"):
        parse_manifest(verified(_altered({}, resource={"digest": "00" * 32})))
    said = manifest()
    with pytest.raises(BadFormat, match="one subject"):
        parse_manifest(verified(Statement(said.subjects * 2, OMS, said.predicate)))
    with pytest.raises(BadFormat, match="predicate type"):
        parse_manifest(verified(Statement(said.subjects, "https://in-toto.io/attestation/svr/v0.1", said.predicate)))


def test_what_a_signer_left_out() -> None:
    """Only the bundle's own file and the git names of the stock signer may be left out, and neither counts as signed."""
    stock = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
    names = ["model.sig", ".git", ".gitattributes", ".github", ".gitignore"]
    given = verified(_altered({"serialization": stock | {"ignore_paths": names}}))
    assert parse_manifest(given, own_file="model.sig").unsigned == tuple(names)
    for own_file in ("", "other.sig"):
        with pytest.raises(BadFormat, match=r"model\.sig"):
            parse_manifest(given, own_file=own_file)
    for name in ("", "weights.bin", "sub", ".", "*", "model.sig/"):
        with pytest.raises(BadFormat, match="ignore_paths"):
            parse_manifest(verified(_altered({"serialization": stock | {"ignore_paths": [name]}})), own_file="model.sig")
