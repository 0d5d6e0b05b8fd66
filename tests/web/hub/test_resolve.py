"""File bytes: headers as clients need them, conditions, safety in browsers, gates and counts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, get_hf_file_metadata, hf_hub_download, hf_hub_url, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RevisionNotFoundError
from tests.web.hub.conftest import People

# The client's own LFS upload passes raw bytes in a way that its HTTP library is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
LARGE = bytes(range(256)) * 2000
FILES = {
    "config.json": b"{}",
    "index.html": b"<script>alert(1)</script>",
    "pic.png": b"\x89PNG\r\n\x1a\n",
    "pic.svg": b"<svg onload=alert(1)>",
    "empty": b"",
    'a/we"ird é;.txt': b"text",
}


@pytest.fixture(name="stored", scope="module")
def _stored(people: People) -> str:
    """Return a repository with small files of several kinds and a large one."""
    api, name = people.api(), "admin/resolved"
    api.create_repo(name)
    operations = [CommitOperationAdd(path, data) for path, data in FILES.items()]
    api.create_commit(name, operations=[*operations, CommitOperationAdd("w.bin", LARGE)], commit_message="files")
    return name


def test_head_of_a_large_file(people: People, api: HfApi, stored: str) -> None:
    """The HEAD of a large file carries everything for either way of download; nothing redirects."""
    sha = api.model_info(stored).sha
    digest = hashlib.sha256(LARGE).hexdigest()
    reply = people.raw()("HEAD", f"/{stored}/resolve/main/w.bin", headers={"accept-encoding": "identity"})
    headers = reply.headers
    assert (reply.status, headers["x-repo-commit"], headers["content-length"]) == (200, sha, str(len(LARGE)))
    assert headers["etag"] == headers["x-linked-etag"] == f'"{digest}"'
    assert (headers["x-linked-size"], headers["accept-ranges"]) == (str(len(LARGE)), "bytes")
    assert f'/api/models/{stored}/xet-read-token/{sha}>; rel="xet-auth"' in headers["link"]
    assert f'/v1/reconstructions/{headers["x-xet-hash"]}>; rel="xet-reconstruction-info"' in headers["link"]
    metadata = get_hf_file_metadata(hf_hub_url(stored, "w.bin", endpoint=people.node.url), endpoint=people.node.url)
    assert (metadata.commit_hash, metadata.etag, metadata.size) == (sha, digest, len(LARGE))
    assert metadata.xet_file_data is not None


def test_head_of_a_small_file(people: People, stored: str) -> None:
    """A small file is named by its git id and has no Xet or LFS headers; the name in the header cannot break out."""
    headers = people.raw()("HEAD", f"/{stored}/resolve/main/config.json").headers
    assert headers["etag"] == f'"{hashlib.sha1(b"blob 2" + bytes(1) + b"{}").hexdigest()}"'
    assert not {"x-linked-etag", "x-linked-size", "x-xet-hash", "link"} & set(headers)
    odd = people.raw()("HEAD", f"/{stored}/resolve/main/a%2Fwe%22ird%20%C3%A9%3B.txt").headers["content-disposition"]
    assert odd == "inline; filename*=UTF-8''we%22ird%20%C3%A9%3B.txt; filename=\"we_ird _;.txt\";"


@pytest.mark.parametrize("path", [*FILES, "w.bin"])
def test_bytes_are_those_that_were_pushed(people: People, stored: str, path: str, xet: str, tmp_path: Path) -> None:
    """Every file comes back as it went in, with Xet and without."""
    found = hf_hub_download(stored, path, endpoint=people.node.url, cache_dir=tmp_path)
    assert Path(found).read_bytes() == (FILES | {"w.bin": LARGE})[path]


def test_ranges_of_chunked_files(people: People, stored: str) -> None:
    """Any part of a file that lies in xorbs is served alone."""
    for start, end in ((0, 0), (100_000, 300_001), (511_999, 511_999)):
        reply = people.raw()("GET", f"/{stored}/resolve/main/w.bin", headers={"range": f"bytes={start}-{end}"})
        assert (reply.status, reply.body) == (206, LARGE[start : end + 1])
        assert reply.headers["content-range"] == f"bytes {start}-{end}/{len(LARGE)}"
    assert people.raw()("GET", f"/{stored}/resolve/main/w.bin", headers={"range": "bytes=512000-"}).status == 416
    assert people.raw()("GET", f"/{stored}/resolve/main/empty", headers={"range": "bytes=0-"}).status == 416


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("index.html", "text/plain; charset=utf-8"),
        ("pic.svg", "application/octet-stream"),
        ("pic.png", "image/png"),
        ("w.bin", "application/octet-stream"),
    ],
)
def test_nothing_runs_in_a_browser(people: People, stored: str, path: str, kind: str) -> None:
    """Pushed files are text, images or bytes; no script, no sniffing, a sandbox."""
    headers = people.raw()("GET", f"/{stored}/resolve/main/{path}").headers
    assert headers["content-type"] == kind
    assert (headers["x-content-type-options"], headers["content-security-policy"]) == ("nosniff", "default-src 'none'; sandbox")


def test_caching(people: People, api: HfApi, stored: str) -> None:
    """Files of a commit of a public repository never change; those of a branch are asked for again."""
    raw, sha = people.raw(), api.model_info(stored).sha
    fixed = raw("GET", f"/{stored}/resolve/{sha}/config.json")
    moving = raw("GET", f"/{stored}/resolve/main/config.json")
    assert (fixed.headers["cache-control"], moving.headers["cache-control"]) == (
        "public, max-age=31536000, immutable",
        "no-cache",
    )
    assert raw("GET", f"/{stored}/resolve/main/config.json", headers={"if-none-match": moving.headers["etag"]}).status == 304


def test_missing(people: People, stored: str) -> None:
    """A missing file names the commit it is missing from; folders are no files; a missing revision is one."""
    raw = people.raw()
    for path in ("nope.txt", "a", "config.json/x", "..%2F..%2Fetc%2Fpasswd", "%2e%2e/config.json"):
        reply = raw("GET", f"/{stored}/resolve/main/{path}")
        assert (reply.status, reply.headers["x-error-code"], len(reply.headers["x-repo-commit"])) == (404, "EntryNotFound", 40)
    for path, error in (("nope.txt", EntryNotFoundError), ("config.json", RevisionNotFoundError)):
        with pytest.raises(error):
            hf_hub_download(stored, path, revision="nope" if error is RevisionNotFoundError else None, endpoint=people.node.url)


def test_raw_is_what_git_has(people: People, stored: str) -> None:
    """/raw/ gives the pointer of a large file and the bytes of a small one."""
    assert b"oid sha256:" + hashlib.sha256(LARGE).hexdigest().encode() in people.raw()("GET", f"/{stored}/raw/main/w.bin").body
    assert people.raw()("GET", f"/{stored}/raw/main/config.json").body == b"{}"


def test_datasets(people: People, api: HfApi, tmp_path: Path, plain: None) -> None:
    """Datasets have their own prefix."""
    api.create_repo("admin/resolved", repo_type="dataset")
    api.upload_file(path_or_fileobj=b"a,b\n", path_in_repo="d/x.csv", repo_id="admin/resolved", repo_type="dataset")
    found = snapshot_download("admin/resolved", repo_type="dataset", endpoint=people.node.url, cache_dir=tmp_path)
    assert (Path(found) / "d" / "x.csv").read_bytes() == b"a,b\n"
    assert people.raw()("GET", "/admin/resolved/resolve/main/d/x.csv").status == 404


def test_gated(people: People, api: HfApi, bob: HfApi, repo: str, plain: None, tmp_path: Path) -> None:
    """Of a gated repository everybody sees what it is, and only those accepted its bytes."""
    api.upload_file(path_or_fileobj=b"secret", path_in_repo="s.txt", repo_id=repo)
    api.update_repo_settings(repo, gated="manual")
    anonymous = people.raw("")("HEAD", f"/{repo}/resolve/main/s.txt")
    assert (anonymous.status, anonymous.headers["x-error-code"]) == (401, "GatedRepo")
    for path in (f"/{repo}/resolve/main/s.txt", f"/{repo}/raw/main/s.txt", f"/{repo}/resolve/main/nope"):
        reply = people.raw(people.bob)("GET", path)
        assert (reply.status, reply.headers["x-error-code"], b"secret" in reply.body) == (403, "GatedRepo", False)
    with pytest.raises(GatedRepoError):
        hf_hub_download(repo, "s.txt", endpoint=people.node.url, token=people.bob, cache_dir=tmp_path)
    assert [item.path for item in bob.list_repo_tree(repo)] == [".gitattributes", "s.txt"]
    assert bob.model_info(repo).gated == "manual"
    mine = people.raw()("GET", f"/{repo}/resolve/{api.model_info(repo).sha}/s.txt")
    assert (mine.body, mine.headers["cache-control"]) == (b"secret", "private, no-cache")


def test_downloads_are_counted(people: People, api: HfApi, repo: str) -> None:
    """Marked requests of one caller are one download at most; it is written with the next batch."""
    raw, marked = people.raw(), {"x-hf-download-counter": "1"}
    assert raw("GET", f"/api/models/{repo}/revision/main", headers=marked).json()["id"] == repo
    for _ in range(3):
        assert raw("GET", f"/{repo}/resolve/main/.gitattributes", headers=marked).status == 200
    assert (api.model_info(repo).downloads or 0) <= 1
