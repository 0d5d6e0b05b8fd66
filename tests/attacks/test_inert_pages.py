"""What strangers write never runs in the node's pages: cards, names, messages; request headers do not speak for the node."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from tests.attacks.scene import PUBLIC, Scene
from tests.support.rawhttp import RawClient, Reply
from tests.support.rawxet import put_bytes

from hanse.web.table import all_routes

_EVIL = '<script>alert(1)</script><img src=x onerror=alert(2)><svg/onload=alert(3)>"\'><iframe src="javascript:alert(4)">'
_MARKDOWN = f"""---
license: "{"<script>alert(9)</script>"}"
tags: ["<img src=x onerror=alert(5)>", "javascript:alert(6)"]
pipeline_tag: "</script><script>alert(7)</script>"
library_name: "<b onclick=alert(8)>"
datasets: ["\\"><script>alert(1)</script>"]
---
# {_EVIL}

[a](javascript:alert(1)) [b](data:text/html;base64,PHNjcmlwdD4=) [c](vbscript:x) [d](JaVaScRiPt:alert(1))
[e](&#106;avascript:alert(1))
![x](javascript:alert(1)) ![y](https://evil.example/track.png) ![z](//evil.example/t.png) <javascript:alert(1)>
[f](http://[) ![g](http://[::1) [h](//[) ![i](a%00b) [j](../../../etc/passwd) ![k](../../../../keys/url.secret) [l](\\\\evil\\x)
<a href="javascript:alert(1)">x</a> <style>*{{x:expression(alert(1))}}</style>
<meta http-equiv=refresh content="0;url=//evil.example">

| a | b |
|---|---|
| {_EVIL} | `{_EVIL}` |

```html
{_EVIL}
```
{"[" * 500}{"> " * 300}{"*" * 500}
"""
_NAMES = (
    "<script>alert(1)</script>.md",
    'a"onmouseover="alert(1)',
    "x'><svg onload=alert(1)>",
    "javascript:alert(1)",
    "\u202egnp.exe",
    "a&lt;b",
)


class _Finder(HTMLParser):
    """Collects what could run or load in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note scripts, frames, handlers, styles, and addresses that run or leave."""
        runs = tag in ("script", "iframe", "object", "embed", "base", "svg", "style", "math")
        if runs or (tag == "meta" and any(name == "http-equiv" for name, _ in attrs)):
            self.found.append(tag)
        for name, value in attrs:
            text = re.sub(r"[\s\x00-\x1f]", "", (value or "")).lower()
            if name.startswith("on") or name in ("style", "srcdoc", "formaction"):
                self.found.append(f"{tag} {name}")
            if name in ("href", "src", "action", "srcset", "data") and text.startswith(("javascript:", "data:", "vbscript:")):
                self.found.append(f"{tag} {name}={text[:40]}")
            if tag == "img" and name == "src" and "evil.example" in text:
                self.found.append(f"loads {text[:60]}")


@pytest.fixture(name="evil", scope="module")
def _evil(scene: Scene) -> str:
    """Fill alice's public repository with hostile text and return the commit."""
    files = [
        put_bytes("README.md", _MARKDOWN.encode()),
        put_bytes("page.html", _EVIL.encode()),
        put_bytes("i.svg", b"<svg onload=alert(1)/>"),
    ]
    files += [put_bytes(f"d/{name}", b"x") for name in _NAMES] + [put_bytes("x.xhtml", b"<x/>"), put_bytes("m.bin", b"<html>")]
    reply = scene.do_commit("alice", PUBLIC, *files)
    assert reply.status == 200, reply
    with scene.client("alice") as client:
        client.json("POST", f"/api/models/{PUBLIC}/branch/%3Cb%3Ex", {})
        client.json("POST", f"/api/models/{PUBLIC}/discussions", {"title": _EVIL, "description": _MARKDOWN})
    return str(reply.json()["commitOid"])


def _pages(commit: str) -> list[str]:
    """Return the address of every page that shows the repository."""
    found = ["/", "/?search=%3Cscript%3Ealert(1)%3C/script%3E", f"/?type=%22%3E%3Cscript%3E&author={_NAMES[3]}"]
    for route in all_routes():
        if (
            route.method == "GET"
            and route.pattern.startswith("/{repo}")
            and "/resolve/" not in route.pattern
            and "/raw/" not in route.pattern
        ):
            for path in ("README.md", "page.html", "d", "d/%3Cscript%3Ealert(1)%3C%2Fscript%3E.md", "i.svg"):
                for rev in ("main", commit, "%3Cscript%3E"):
                    values = route.pattern.replace("{repo}", PUBLIC).replace("{rev}", rev).replace("{path*}", path)
                    found.append(values)
    return sorted(set(found))


def _assert_inert(reply: Reply, what: str) -> None:
    kind = reply.headers.get("content-type", "")
    assert reply.status < 500, what
    assert reply.headers.get("x-content-type-options") == "nosniff" or not kind.startswith("text/html"), what
    if not kind.startswith("text/html"):
        return
    policy = reply.headers.get("content-security-policy", "")
    assert "default-src 'none'" in policy, what
    assert "unsafe" not in policy, what
    assert "script-src" not in policy, what
    finder = _Finder()
    finder.feed(reply.body.decode())
    assert finder.found == [], (what, finder.found)


def test_pages_are_inert(scene: Scene, evil: str) -> None:
    """No page holds a script, handler, frame or foreign image, whatever cards, names and addresses say, and says so by CSP."""
    shown = 0
    with scene.client() as client:
        for address in _pages(evil):
            reply = client("GET", address)
            _assert_inert(reply, address)
            shown += reply.status == 200 and reply.headers["content-type"].startswith("text/html")
        card = client("GET", f"/{PUBLIC}")
    assert shown > 10
    assert b"&lt;script&gt;" in card.body


def test_files_never_come_as_pages(scene: Scene, evil: str) -> None:
    """A repository's HTML, SVG and scripts are served as text or bytes, sandboxed and never sniffed."""
    with scene.client() as client:
        for path in ("page.html", "i.svg", "x.xhtml", "m.bin", "README.md", "d/%3Cscript%3Ealert(1)%3C%2Fscript%3E.md"):
            for verb in ("resolve", "raw"):
                reply = client("GET", f"/{PUBLIC}/{verb}/{evil}/{path}")
                assert reply.status == 200, path
                kind = reply.headers["content-type"]
                assert kind.startswith(("text/plain", "application/octet-stream")), (path, kind)
                assert reply.headers["x-content-type-options"] == "nosniff"
                assert "sandbox" in reply.headers["content-security-policy"]


def test_api_answers_are_json_never_pages(scene: Scene, evil: str) -> None:
    """Errors and answers of the API that repeat what was asked are JSON, so no browser runs them."""
    with scene.client() as client:
        for path in (
            f"/api/models/{PUBLIC}/tree/%3Cscript%3E",
            f"/api/models/{PUBLIC}",
            "/api/models?search=%3Cscript%3E",
        ):
            reply = client("GET", path, None, {"accept": "text/html"})
            assert reply.headers["content-type"].startswith("application/json"), path
        for number in range(1, 4):
            reply = client("GET", f"/api/models/{PUBLIC}/discussions/{number}")
            for event in reply.json().get("events", []):
                finder = _Finder()
                finder.feed(event["data"].get("latest", {}).get("html", ""))
                assert finder.found == []


@pytest.mark.parametrize(
    "text",
    [
        "---\na: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"b{n}: &b{n} [{','.join([f'*b{n - 1}' if n else '*a'] * 9)}]\n" for n in range(9))
        + "---\n",
        "---\n" + "[" * 100_000 + "\n---\n",
        "---\n" + "- " * 100_000 + "\n---\n",
        "---\n" + "a: {b: " * 50_000 + "\n---\n",
        "---\n? " + "? " * 50_000 + "\n---\n",
        "---\n" + "".join(f"k{n}: v\n" for n in range(60_000)) + "---\n",
        "---\nx: !!python/object/apply:os.system ['touch /etc/owned']\n---\n",
        "---\ntags: [" + "'x'," * 100_000 + "]\n---\n",
        "---\n" + "a" * 900_000 + "\n---\n",
        "---\n&a a: *a\n---\n",
        "---\n" + '"\\0": "\\0"\n' + "---\n",
        "---\nlicense: " + "9" * 5000 + "\n---\n",
        "---\n\ud7ff: \ufffe\n---\n",
        "![" * 30_000,
        "[a](" * 30_000,
        "`" * 60_000,
        "<" * 60_000,
        "| a " * 15_000 + "\n|" + "---|" * 15_000 + "\n",
        "* " * 30_000,
        "&" * 60_000,
        "[x]: y\n" * 9_000 + "[x] " * 2_000,
        "_a" * 30_000,
    ],
    ids=lambda text: repr(text[4:24]),
)
def test_bombs_in_cards(scene: Scene, text: str) -> None:
    """A card that is a bomb can be uploaded and checked, and the repository still shows in a moment."""
    start = time.monotonic()
    with scene.client("alice") as client:
        assert client.json("POST", "/api/validate-yaml", {"content": text, "repoType": "model"}).status in (200, 400)
        assert scene.do_commit("alice", "alice/public", put_bytes("README.md", text.encode("utf-8", "replace"))).status == 200
        for path in (f"/api/models/{PUBLIC}", f"/{PUBLIC}", "/api/models?full=true"):
            assert client("GET", path).status == 200, path
    assert time.monotonic() - start < 15


@pytest.mark.parametrize(
    "header", ["x-forwarded-host", "x-forwarded-proto", "x-forwarded-for", "forwarded", "x-original-url", "x-rewrite-url"]
)
def test_forwarded_headers_are_not_believed(scene: Scene, header: str) -> None:
    """Without a trusted proxy, no X-Forwarded header changes an address, a route or a right."""
    with scene.client("alice") as client:
        for value in ("evil.example", "javascript", "127.0.0.1", "host=evil.example;proto=gopher", "/api/whoami-v2"):
            token = client("GET", f"/api/models/{PUBLIC}/xet-read-token/main", None, {header: value})
            listing = client("GET", "/api/models?limit=1", None, {header: value})
            for reply in (token, listing):
                assert reply.status == 200
                assert "evil" not in str(reply.headers) + reply.body.decode()
                assert "gopher" not in str(reply.headers)
            assert token.json()["casUrl"].startswith(f"http://127.0.0.1:{scene.node.port}/")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example/x",
        "a b",
        'evil.example"><script>',
        "[",
        "[::1",
        "a@b",
        "x" * 300,
        "",
        "evil.example#",
        "\u00e9.example",
        "a,b",
    ],
)
def test_malformed_hosts_are_not_repeated(scene: Scene, host: str) -> None:
    """A Host header that is no host does not get into any address of an answer."""
    with scene.client("alice") as client:
        for path in ("/api/models?limit=1", f"/api/models/{PUBLIC}/xet-read-token/main", f"/{PUBLIC}", "/api/models/none/none"):
            reply = client("GET", path, None, {"host": host.encode("latin-1")})
            assert reply.status < 500, (path, reply)
            for bad in ("<script>", "evil.example/", " b/", "@b", "#", "x" * 290):
                assert f"http://{bad}" not in reply.body.decode("utf-8", "replace")
                assert bad == "#" or bad not in reply.headers.get("link", "") + reply.headers.get("x-xet-cas-url", "")


def test_request_ids_cannot_split_headers(scene: Scene) -> None:
    """The echoed request id is text of one line, whatever was sent."""
    with RawClient(scene.node.port) as client:
        for value in (b"a\x01b", b"\xff\xfe", b"x" * 5000, b"a\tb", b"\xc3\xa9"):
            reply = client("GET", "/healthz", None, {"x-amzn-trace-id": value})
            assert reply.status in (200, 400)
            assert len(reply.headers.get("x-request-id", "")) <= 128
