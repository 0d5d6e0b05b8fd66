"""The hostile origin: honest it is a Hub, and every fault does what its name says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest
from tests.support.served import until

from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin
from hanse.conform.repos import Content, OriginFile
from hanse.conform.xetstorage import parts
from hanse.content.gitobjects import blob_id
from hanse.content.hashing import chunk_hash, file_hash_of_chunk_list, parse_chunk_list
from hanse.model.repo import RepoType

REPO = "org/model"
BIG = bytes(range(256)) * 4096
FILES = {"a.bin": BIG, "b/c.json": b'{"x":1}', "b/d.bin": BIG[::-1], "empty": b""}


@pytest.fixture(name="origin")
def _origin() -> Iterator[HubOrigin]:
    with HubOrigin({REPO: FILES}, xet=True, chunk_lists=True, page=2) as origin:
        yield origin


def ask(origin: HubOrigin, path: str, method: str = "GET", **headers: str) -> httpx2.Response:
    """Send one request."""
    return httpx2.request(method, origin.url + path, headers=headers, timeout=120)


def tree(origin: HubOrigin) -> list[dict[str, object]]:
    """Return all pages of the tree of main."""
    found: list[dict[str, object]] = []
    path = f"/api/models/{REPO}/tree/main?recursive=true"
    while path:
        answer = ask(origin, path)
        found += answer.json()
        link = answer.links.get("next", {}).get("url", "")
        path = link.removeprefix(origin.url)
    return found


def test_the_tree_comes_in_pages(origin: HubOrigin) -> None:
    """Files and folders of all pages are those of the revision, with digests of pointer, content and chunks."""
    items = {str(item["path"]): item for item in tree(origin)}
    assert items.keys() == {*FILES, "b"}
    assert items["b/c.json"]["oid"] == blob_id(FILES["b/c.json"])
    assert items["a.bin"]["lfs"] == {"oid": hashlib.sha256(BIG).hexdigest(), "size": len(BIG), "pointerSize": 127}
    assert items["a.bin"]["xetHash"] == origin.pins(REPO)["a.bin"].xet
    assert items["empty"]["size"] == 0


def test_files_come_whole_and_in_ranges(origin: HubOrigin) -> None:
    """HEAD, whole files, ranges, suffixes and what lies outside are answered as a Hub does."""
    path = f"/{REPO}/resolve/main/a.bin"
    head = ask(origin, path, "HEAD")
    assert head.headers["etag"] == f'"{hashlib.sha256(BIG).hexdigest()}"'
    assert int(head.headers["content-length"]) == len(BIG)
    assert head.headers["x-repo-commit"] == origin.repo(REPO).newest.rev
    assert ask(origin, path).content == BIG
    assert ask(origin, path, range="bytes=10-19").content == BIG[10:20]
    assert ask(origin, path, range="bytes=-5").content == BIG[-5:]
    assert ask(origin, path, range="bytes=10-19").headers["content-range"] == f"bytes 10-19/{len(BIG)}"
    assert ask(origin, path, range=f"bytes={len(BIG)}-").status_code == 416


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/models/org/none", "RepoNotFound"),
        ("/api/models/org/model/revision/none", "RevisionNotFound"),
        ("/org/model/resolve/main/none", "EntryNotFound"),
        ("/api/models/org/model/tree/main/none", "EntryNotFound"),
    ],
)
def test_what_is_missing(origin: HubOrigin, path: str, code: str) -> None:
    """Repositories, revisions and files that do not exist are told apart."""
    answer = ask(origin, path)
    assert (answer.status_code, answer.headers["x-error-code"]) == (404, code)


def test_info_refs_and_history(origin: HubOrigin) -> None:
    """A new commit moves main and has the old one as its parent; a rewrite leaves neither."""
    first = origin.repo(REPO).newest.rev
    second = origin.commit(REPO, {"new": b"1"})
    assert ask(origin, f"/api/models/{REPO}?blobs=true").json()["sha"] == second
    assert ask(origin, f"/api/models/{REPO}/refs").json()["branches"][0]["targetCommit"] == second
    assert [one["id"] for one in ask(origin, f"/api/models/{REPO}/commits/main").json()] == [second, first]
    third = origin.rewrite(REPO, {"other": b"2"})
    assert [one["id"] for one in ask(origin, f"/api/models/{REPO}/commits/main").json()] == [third]
    assert ask(origin, f"/api/models/{REPO}/revision/{first}").status_code == 404


def test_paths_info(origin: HubOrigin) -> None:
    """Of the paths that are asked for, those that exist are described."""
    answer = httpx2.post(f"{origin.url}/api/models/{REPO}/paths-info/main", data={"paths": ["a.bin", "none"]})
    assert [one["path"] for one in answer.json()] == ["a.bin"]


def test_only_holders_of_a_token_see_what_is_gated(origin: HubOrigin) -> None:
    """A gated repository is refused without a token and with a false one."""
    origin.repo(REPO).tokens = frozenset({"right"})
    path = f"/{REPO}/resolve/main/a.bin"
    assert ask(origin, path).status_code == 401
    assert ask(origin, path, authorization="Bearer wrong").status_code == 403
    assert ask(origin, path, authorization="Bearer right").content == BIG


def test_datasets_and_folders(origin: HubOrigin) -> None:
    """A dataset is another repository than a model of the same name."""
    origin.commit(REPO, {"rows": b"1,2"}, kind=RepoType.DATASET)
    assert ask(origin, f"/datasets/{REPO}/resolve/main/rows").content == b"1,2"
    assert ask(origin, f"/{REPO}/resolve/main/rows").status_code == 404


def test_it_goes_and_comes_back(origin: HubOrigin) -> None:
    """Stopped it refuses connections; started again it has the same address and content."""
    url = origin.url
    origin.stop()
    with pytest.raises(httpx2.ConnectError):
        ask(origin, f"/{REPO}/resolve/main/a.bin")
    origin.start()
    assert origin.url == url
    assert ask(origin, f"/{REPO}/resolve/main/a.bin").content == BIG


def test_chunk_list_and_reconstruction(origin: HubOrigin) -> None:
    """The chunk list recomputes to the Xet hash, and the xorbs of a reconstruction hold the file."""
    xet = origin.pins(REPO)["a.bin"].xet
    listed = ask(origin, f"/v2/file-chunk-hashes/{xet}").content
    assert file_hash_of_chunk_list(listed) == (xet, len(BIG))
    for version, key in (("v1", "fetch_info"), ("v2", "xorbs")):
        plan = ask(origin, f"/cas/{version}/reconstructions/{xet}").json()
        assert sum(term["unpacked_length"] for term in plan["terms"]) == len(BIG)
        url = next(iter(plan[key].values()))[0]["url"]
        body = ask(origin, urlsplit(url).path).content
        chunks = parse_chunk_list(listed)
        assert body[8 : 8 + chunks[0][1]] == BIG[: chunks[0][1]]
    part = parts(Content(BIG))[0]
    middle = ask(origin, f"/cas/v1/reconstructions/{xet}", range="bytes=300000-300009").json()
    assert middle["offset_into_first_range"] < max(part.lengths)


def test_wrong_bytes_are_one_bit(origin: HubOrigin) -> None:
    """The altered file has the right length and headers and differs in one byte."""
    origin.faults.set(Fault.WRONG_BYTES, path="a.bin")
    answer = ask(origin, f"/{REPO}/resolve/main/a.bin")
    assert answer.headers["etag"] == f'"{hashlib.sha256(BIG).hexdigest()}"'
    assert [at for at, pair in enumerate(zip(BIG, answer.content, strict=True)) if pair[0] != pair[1]] == [len(BIG) // 4]
    assert ask(origin, f"/{REPO}/resolve/main/b/d.bin").content == BIG[::-1]


def test_false_claims_agree_with_each_other(origin: HubOrigin) -> None:
    """With other digests in tree and headers, bytes and digests agree."""
    origin.faults.set(Fault.FALSE_CLAIMS, path="a.bin")
    said = next(item for item in tree(origin) if item["path"] == "a.bin")
    body = ask(origin, f"/{REPO}/resolve/main/a.bin").content
    lfs = said["lfs"]
    assert isinstance(lfs, dict)
    assert lfs["oid"] == hashlib.sha256(body).hexdigest() != hashlib.sha256(BIG).hexdigest()
    listed = ask(origin, f"/v2/file-chunk-hashes/{said['xetHash']}").content
    assert file_hash_of_chunk_list(listed)[0] == said["xetHash"]


def test_a_reframed_chunk_list_is_well_formed(origin: HubOrigin) -> None:
    """Its chunks are those of the altered bytes, and it recomputes to another hash."""
    origin.faults.set(Fault.REFRAMED)
    listed = ask(origin, f"/v2/file-chunk-hashes/{origin.pins(REPO)['a.bin'].xet}").content
    body = ask(origin, f"/{REPO}/resolve/main/a.bin").content
    value, length = parse_chunk_list(listed)[0]
    assert chunk_hash(body[:length]) == value
    assert file_hash_of_chunk_list(listed)[0] != origin.pins(REPO)["a.bin"].xet


def test_faults_end_by_number(origin: HubOrigin) -> None:
    """A fault that is on for two requests is met by two."""
    origin.faults.set(Fault.ERROR, times=2)
    assert [ask(origin, f"/api/models/{REPO}").status_code for _ in range(3)] == [500, 500, 200]
    assert origin.faults.hits == {Fault.ERROR: 2}


@pytest.mark.parametrize(
    ("fault", "status"), [(Fault.RATE_LIMIT, 429), (Fault.REFUSED, 403), (Fault.MISSING, 404), (Fault.REDIRECT, 302)]
)
def test_statuses(origin: HubOrigin, fault: Fault, status: int) -> None:
    """Faults that are a status answer with it."""
    origin.faults.set(fault)
    assert ask(origin, f"/{REPO}/resolve/main/a.bin").status_code == status


@pytest.mark.parametrize("fault", [Fault.OLD_STATE, Fault.HIDDEN_NEWER])
def test_older_states(origin: HubOrigin, fault: Fault) -> None:
    """Main leads to the older revision; whether the newer one can be had by name tells the two faults apart."""
    first, second = origin.repo(REPO).newest.rev, origin.commit(REPO, {"new": b"1"})
    origin.faults.set(fault)
    assert ask(origin, f"/api/models/{REPO}").json()["sha"] == first
    by_name = ask(origin, f"/api/models/{REPO}/revision/{second}").status_code
    assert by_name == (200 if fault is Fault.OLD_STATE else 404)


def test_json_faults(origin: HubOrigin) -> None:
    """Info can be too deep to parse, or no JSON at all."""
    origin.faults.set(Fault.DEEP_JSON)
    with pytest.raises(RecursionError):
        json.loads(ask(origin, f"/api/models/{REPO}").content)
    origin.faults.clear()
    origin.faults.set(Fault.NOT_JSON)
    assert ask(origin, f"/api/models/{REPO}").content.startswith(b"<!doctype")


def test_evil_paths_can_be_had(origin: HubOrigin) -> None:
    """What the tree names outside of the repository is served, so that a client that falls for it is seen to."""
    origin.faults.set(Fault.BAD_PATHS)
    assert "../../evil.txt" in {item["path"] for item in tree(origin)}
    assert httpx2.get(f"{origin.url}/{REPO}/resolve/main/..%2F..%2Fevil.txt").status_code == 200


def test_an_empty_file_cannot_be_altered() -> None:
    """Altering nothing is nothing."""
    content = Content(b"")
    assert content.altered() is content
    assert OriginFile("x", content, lfs=False).pin().size == 0


def test_what_was_asked_is_remembered(origin: HubOrigin) -> None:
    """Tests can prove what a client asked for, and how many bytes of files it got."""
    ask(origin, f"/{REPO}/resolve/main/a.bin", authorization="Bearer t")
    assert (origin.requests[-1].path, origin.requests[-1].headers["authorization"]) == (f"/{REPO}/resolve/main/a.bin", "Bearer t")
    until(lambda: origin.bytes_sent == len(BIG))  # counted once they are sent, when the client has them already
