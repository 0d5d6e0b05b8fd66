"""A Hub on loopback that serves real folders and does wrong what it is told to.

Use it to see what a client, proxy or mirror makes of a hostile upstream:

    with HubOrigin({"org/model": Path("model")}, xet=True) as origin:
        origin.faults.set(Fault.WRONG_BYTES, path="*.safetensors")
        ...  # HF_ENDPOINT=origin.url

It answers info, tree (in pages), paths-info, refs, commits, HEAD and GET of resolve with ranges, and
`/v2/file-chunk-hashes/{xet}`; with `xet`, large files have Xet hashes and their bytes come by reconstruction too. No upload.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from hanse.conform.faults import Fault, Faults
from hanse.conform.metadata import Said, json_body
from hanse.conform.repos import Content, OriginFile, OriginRepo, OriginRevision, pages, read_files
from hanse.conform.sending import range_of, send_file, wrong_bytes
from hanse.conform.serving import Asked, Handler, Pace, Server
from hanse.conform.xetstorage import parts, reconstruction, xorb
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType

Source = Path | Mapping[str, bytes | Path | Content]
_VERB = "(?:revision|tree|paths-info|refs|commits|xet-read-token)"
_API = re.compile(rf"^/api/(models|datasets)/([^/]+/(?!{_VERB}(?:/|$))[^/]+|[^/]+)(?:/({_VERB})(?:/([^/]+)(?:/(.*))?)?)?$")
_RESOLVE = re.compile(r"^/(datasets/)?([^/]+/(?!resolve/)[^/]+|[^/]+)/resolve/([^/]+)/(.+)$")
_STORAGE = re.compile(r"^(?:/cas)?/(?:(v[12])/)?(file-chunk-hashes|reconstructions|xorb)/([0-9a-f]{64})(?:/([0-9]{1,4}))?$")


class HubOrigin:
    """A Hub-shaped origin on loopback, one thread a connection. Safe for threads.

    repos: folder per repository name (`org/name`), or one folder with `org/name` folders below it. faults: what it does wrong;
    xet: say Xet hashes of large files; chunk_lists: answer `/v2/file-chunk-hashes`; page: items a page of the tree; rate: bytes
    a second of all bodies together, None for no limit; port: 0 for a free one.
    """

    def __init__(
        self,
        repos: Path | Mapping[str, Source] | None = None,
        *,
        faults: Faults | None = None,
        xet: bool = False,
        chunk_lists: bool = False,
        page: int = 1000,
        rate: float | None = None,
        port: int = 0,
    ) -> None:
        self.faults = faults or Faults()
        self.requests: list[Asked] = []
        self.bytes_sent = 0
        self.pace = Pace(rate)
        self.repos: dict[tuple[RepoType, str], OriginRepo] = {}
        self._chunk_lists = chunk_lists
        self._page = page
        self._said = Said(self.faults, xet=xet)
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self.port = port
        for name, source in _named(repos).items():
            self.commit(name, source)

    # --- its life

    @property
    def url(self) -> str:
        """Address, without a slash at its end; the same again after `stop` and `start`."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Listen, on the same port as before if it was stopped."""
        self._server = Server(("127.0.0.1", self.port), self)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the socket and cut every connection at its next piece; new ones are refused."""
        server, self._server = self._server, None
        if server is None:
            return
        server.stopping.set()
        server.shutdown()
        server.server_close()
        if self._thread is not None:
            self._thread.join(10)

    def __enter__(self) -> Self:
        return self if self._server is not None else self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # --- what it holds

    def repo(self, name: str, kind: RepoType = RepoType.MODEL) -> OriginRepo:
        """Return a repository; KeyError if there is none."""
        return self.repos[(kind, name)]

    def commit(self, name: str, source: Source, *, kind: RepoType = RepoType.MODEL, ref: str = "refs/heads/main") -> str:
        """Make a revision with exactly the files of `source`, lead `ref` to it and return its id; makes the repository."""
        repo = self.repos.setdefault((kind, name), OriginRepo(name, kind))
        return repo.commit(read_files(source), ref=ref, parent=repo.refs.get(ref)).rev

    def rewrite(self, name: str, source: Source, *, kind: RepoType = RepoType.MODEL, ref: str = "refs/heads/main") -> str:
        """Replace the history of `ref` by one new revision: what was there before is gone. Returns its id."""
        repo = self.repos[(kind, name)]
        gone = [made.rev for made in repo.history(repo.refs[ref])]
        made = repo.commit(read_files(source), ref=ref, parent=None)
        for rev in gone:
            del repo.revisions[rev]
        return made.rev

    def pins(self, name: str, revision: str = "main", *, kind: RepoType = RepoType.MODEL, xet: bool = True) -> dict[str, FilePin]:
        """Return the honest pins of the files of a revision; KeyError if there is no such revision."""
        found = self.repos[(kind, name)].resolve(revision)
        if found is None:
            raise KeyError(revision)
        return {path: file.pin(xet=xet) for path, file in found.files.items()}

    def forget(self) -> None:
        """Drop all repositories."""
        self.repos.clear()

    # --- what was seen

    def note(self, asked: Asked) -> None:
        """Remember a request."""
        with self._lock:
            self.requests.append(asked)

    def sent(self, size: int) -> None:
        """Count bytes of bodies of files."""
        with self._lock:
            self.bytes_sent += size

    # --- answers

    def answer(self, wire: Handler, asked: Asked, form: dict[str, list[str]]) -> None:
        """Answer one request."""
        path = urlsplit(asked.target).path
        api, file, storage = _API.match(path), _RESOLVE.match(path), _STORAGE.match(path)
        if api is not None:
            self._api(wire, asked, api, form)
        elif file is not None:
            self._resolve(wire, asked, file)
        elif storage is not None:
            self._storage(wire, asked, storage)
        elif path == "/api/whoami-v2":
            wire.small(401, "Invalid credentials in Authorization header")
        else:
            wire.small(404, "Not found")

    def _find(self, wire: Handler, asked: Asked, kind: RepoType, name: str) -> OriginRepo | None:
        """Return the repository that a request names; answers it if there is none that it may see."""
        repo = self.repos.get((kind, name))
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if repo is None:
            wire.small(404, "Repository not found", [("X-Error-Code", "RepoNotFound")])
        elif repo.tokens is not None and token not in repo.tokens:
            wire.small(403 if token else 401, "Access to this repository is restricted", [("X-Error-Code", "GatedRepo")])
        else:
            return repo
        return None

    def _api(self, wire: Handler, asked: Asked, match: re.Match[str], form: dict[str, list[str]]) -> None:
        """Answer a route under /api."""
        kind = RepoType.MODEL if match[1] == "models" else RepoType.DATASET
        repo = self._find(wire, asked, kind, unquote(match[2]))
        if repo is None:
            return
        if match[3] == "refs":
            wire.json(json_body(self.faults, self._said.refs(repo)))
            return
        name = unquote(match[4] or "main")
        revision = self._said.revision(repo, name)
        if revision is None:
            wire.small(404, f"Invalid rev id: {quote(name)}", [("X-Error-Code", "RevisionNotFound")])
        elif match[3] == "xet-read-token":
            self._token(wire)
        elif match[3] == "tree":
            self._tree(wire, asked, repo, revision, unquote(match[5] or ""))
        elif match[3] == "commits":
            wire.json(json_body(self.faults, self._said.commits(repo, revision)))
        elif match[3] == "paths-info":
            known = [path for path in form.get("paths", []) if path in revision.files]
            wire.json(json_body(self.faults, [self._said.item(repo, revision, path) for path in known]))
        else:
            blobs = "blobs=true" in asked.target.lower()
            wire.json(json_body(self.faults, self._said.info(repo, revision, blobs=blobs)))

    def _token(self, wire: Handler) -> None:
        """Answer where Xet storage is, and a token for it."""
        said = {"casUrl": f"{self.url}/cas", "exp": 4_000_000_000, "accessToken": "xet"}
        headers = [("X-Xet-Cas-Url", f"{self.url}/cas"), ("X-Xet-Access-Token", "xet"), ("X-Xet-Token-Expiration", "4000000000")]
        wire.json(json_body(self.faults, said), headers)

    def _tree(self, wire: Handler, asked: Asked, repo: OriginRepo, revision: OriginRevision, folder: str) -> None:
        """Answer a page of the tree."""
        query = parse_qs(urlsplit(asked.target).query)
        recursive = query.get("recursive", ["false"])[0].lower() in ("true", "1")
        found = self._said.tree(repo, revision, folder, recursive=recursive)
        if folder and not found:
            wire.small(404, "Entry not found", [("X-Error-Code", "EntryNotFound"), ("X-Repo-Commit", revision.rev)])
            return
        parts = pages(found, self._page)
        at = int(query.get("cursor", ["0"])[0])
        endless = self.faults.take(Fault.ENDLESS_PAGES)
        base = self.faults.target.rstrip("/") if self.faults.take(Fault.FOREIGN_PAGES) else self.url
        headers = [("X-Repo-Commit", revision.rev)]
        if endless or at + 1 < len(parts) or base != self.url:
            where = urlsplit(asked.target).path
            headers.append(("Link", f'<{base}{where}?recursive={str(recursive).lower()}&cursor={at + 1}>; rel="next"'))
        wire.json(json_body(self.faults, parts[at % len(parts)] if endless else parts[min(at, len(parts) - 1)]), headers)

    def _resolve(self, wire: Handler, asked: Asked, match: re.Match[str]) -> None:
        """Answer HEAD or GET of a file."""
        kind = RepoType.DATASET if match[1] else RepoType.MODEL
        repo = self._find(wire, asked, kind, unquote(match[2]))
        if repo is None:
            return
        name, path = unquote(match[3]), unquote(match[4])
        revision = self._said.revision(repo, name)
        if revision is None:
            wire.small(404, f"Invalid rev id: {quote(name)}", [("X-Error-Code", "RevisionNotFound")])
            return
        file = self._said.file(repo, revision, path)
        commit = ("X-Repo-Commit", revision.rev)
        if file is None or self.faults.take(Fault.MISSING, path):
            wire.small(404, "Entry not found", [("X-Error-Code", "EntryNotFound"), commit])
        elif self.faults.take(Fault.REFUSED, path):
            wire.small(403, "Access to this resource is restricted")
        elif self.faults.take(Fault.REDIRECT, path):
            wire.head(302, [commit, *self._tags(file), ("Location", self.faults.target), ("Content-Length", "0")])
        elif self.faults.take(Fault.REDIRECT_LOOP, path):
            wire.head(302, [commit, *self._tags(file), ("Location", self.url + asked.target), ("Content-Length", "0")])
        else:
            headers = [commit, *self._tags(file), ("Accept-Ranges", "bytes"), ("Content-Type", "application/octet-stream")]
            xet = self._said.xet(revision, file)
            if xet is not None:
                token = f"{self.url}/api/{kind.plural}/{repo.name}/xet-read-token/{revision.rev}"
                headers += [("X-Xet-Hash", xet), ("Link", f'<{token}>; rel="xet-auth"')]
            send_file(wire, file, asked.headers.get("range"), headers, only_head=wire.command == "HEAD")

    def _tags(self, file: OriginFile) -> list[tuple[str, str]]:
        """Return the headers that say which content it is."""
        if not file.lfs:
            return [("ETag", f'"{file.git_oid}"')]
        digest = f'"{file.content.sha256}"'
        return [("ETag", digest), ("X-Linked-Etag", digest), ("X-Linked-Size", str(file.content.size))]

    def _storage(self, wire: Handler, asked: Asked, match: re.Match[str]) -> None:
        """Answer for the Xet storage: the chunk list of a file by its Xet hash, a reconstruction, or one of its xorbs."""
        file = self._by_xet(match[3])
        if file is None or (match[2] == "file-chunk-hashes" and not self._chunk_lists):
            wire.small(404, "Not found")
        elif match[2] == "file-chunk-hashes":
            self._chunks(wire, file)
        elif match[2] == "reconstructions":
            span = range_of(asked.headers.get("range"), file.content.size)
            if span is False:
                wire.small(416, "Range not satisfiable")
                return
            start, end = (0, file.content.size) if span is True else span
            base = f"{self.url}/cas/xorb/{match[3]}"
            plan = reconstruction(file.content, base, start, end, version=2 if match[1] == "v2" else 1)
            wire.json(json_body(self.faults, plan))
        else:
            part = parts(file.content)[int(match[4])]
            body = OriginFile(file.path, Content(xorb(wrong_bytes(self.faults, file), part)), lfs=True)
            send_file(wire, body, asked.headers.get("range"), [], only_head=False)

    def _chunks(self, wire: Handler, file: OriginFile) -> None:
        """Answer the chunk list of a file."""
        content = file.content
        if self.faults.take(Fault.REFRAMED, file.path):
            content = content.altered(content.size // 4)
        elif self.faults.take(Fault.CHUNK_LIST, file.path):
            content = content.altered()
        body = content.chunk_list
        wire.head(200, [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(body)))])
        wire.wfile.write(body)

    def _by_xet(self, xet: str) -> OriginFile | None:
        """Return a large file that has a Xet hash, as it is or as the origin falsely claims it."""
        for repo in self.repos.values():
            for revision in repo.revisions.values():
                for file in revision.files.values():
                    if not file.lfs:
                        continue
                    if file.content.xet == xet:
                        return file
                    if self.faults.take(Fault.FALSE_CLAIMS, file.path) and file.content.altered().xet == xet:
                        return file.of(file.content.altered())
        return None


def _named(repos: Path | Mapping[str, Source] | None) -> Mapping[str, Source]:
    """Return sources by repository name."""
    if isinstance(repos, Path):
        return {"/".join(path.parts[-2:]): path for path in sorted(repos.glob("*/*")) if path.is_dir()}
    return repos or {}
