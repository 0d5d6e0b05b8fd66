"""`hub.cjs` in real Node programs: what they ask the public hub for, the gateway is asked; other servers are asked as ever."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.wholegateway import whole_gateway

from hanse.conform.origin import HubOrigin
from hanse.flows.gateway.env import GUEST

HUB = GUEST / "hub.cjs"
URL = "http://127.0.0.1:1/secret"
NAME = "org/m"
_WHERE = """
const asked = [];
globalThis.fetch = async (input) => asked.push(input);
const changed = [];
for (const _ of [1, 2]) {
  const last = globalThis.fetch;
  require(process.argv[1]);
  changed.push(globalThis.fetch !== last);
  delete require.cache[process.argv[1]];
}
process.env.HANSE_GATEWAY = process.env.HF_ENDPOINT = "http://127.0.0.1:2/later";
Promise.all(JSON.parse(process.argv[2]).map((one) => fetch(one))).then(() => console.log(JSON.stringify({ asked, changed })));
"""
_FORMS = """
const api = "https://huggingface.co/api/models/org/m", file = "https://huggingface.co/org/m/resolve/main/a.txt";
const post = { method: "POST", body: JSON.stringify({ paths: ["a.txt"] }), headers: { "content-type": "application/json" } };
const nowhere = { dispatch() { throw new Error("this way leads to the hub"); } };
(async () => {
  const found = {};
  found.string = await (await fetch(file)).text();
  found.url = await (await fetch(new URL(file.replace("https://huggingface.co", "http://HF.co:80")))).text();
  found.request = await (await fetch(new Request(file, { headers: { range: "bytes=1-2" } }))).text();
  found.init = await (await fetch(new Request(file), { headers: { range: "bytes=0-0" } })).text();
  found.head = (await fetch(file, { method: "HEAD", redirect: "error" })).headers.get("content-length");
  found.post = (await (await fetch(api + "/paths-info/main", post)).json())[0].path;
  found.posted = (await (await fetch(new Request(api + "/paths-info/main", post))).json())[0].path;
  found.dispatcher = (await fetch(file, { dispatcher: nowhere, method: "HEAD" })).status;
  found.other = (await (await fetch(process.argv[1] + "/api/models/org/m")).json()).id;
  found.nonsense = await fetch("nonsense").catch((error) => error.name);
  console.log(JSON.stringify(found));
})();
"""
_THREADS = """
const { Worker } = require("worker_threads"), { execFileSync } = require("child_process");
const code = 'fetch("https://huggingface.co/org/m/resolve/main/a.txt").then((one) => one.text()).then(console.log)';
new Worker(code, { eval: true }).on("exit", () => console.log(execFileSync(process.execPath, ["-e", code]).toString()));
"""


@pytest.fixture(name="origin", scope="module")
def _origin() -> Iterator[HubOrigin]:
    with HubOrigin({NAME: {"a.txt": b"hello"}}) as origin:
        yield origin


def _node(code: str, *arguments: str, environ: Mapping[str, str]) -> str:
    command = ["node", "-e", code, "--", *arguments]
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _where(gateway: str, *addresses: str) -> Any:
    """Return what a program that has loaded the file twice really asks for, and whether each time changed `fetch`."""
    environ = {"PATH": os.environ["PATH"], "HANSE_GATEWAY": gateway, "HF_ENDPOINT": "https://hub.example"}
    return json.loads(_node(_WHERE, str(HUB), json.dumps(addresses), environ=environ))


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("https://huggingface.co", "/"),
        ("https://huggingface.co/org/m/resolve/main/a%20b?download=1&x=%2F#part", "/org/m/resolve/main/a%20b?download=1&x=%2F"),
        ("HTTP://HuggingFace.CO:80/a", "/a"),
        ("https://hf.co:443/a", "/a"),
        ("https://huggingface.co./a", "/a"),
        ("https://huggingface.co/../../a", "/a"),
        ("https://huggingface.co//example.org/a", "//example.org/a"),
    ],
)
def test_the_public_hub(address: str, path: str) -> None:
    """Every way to write the hub's address leads to the gateway as it was at the start, below its secret, with path and query."""
    assert _where(URL, address) == {"asked": [URL + path], "changed": [True, False]}


def test_other_servers() -> None:
    """An address that only resembles the hub's, a part of the hub that holds no repositories, and what is no address are kept."""
    addresses = [
        "https://huggingface.co.example.org/a",
        "https://example.org/https://huggingface.co/a",
        "https://huggingface.co@example.org/a",
        "https://router.huggingface.co/v1",
        "https://huggingface.co:8443/a",
        "ftp://huggingface.co/a",
        "/org/m",
        "",
    ]
    assert _where(URL, *addresses)["asked"] == addresses


def test_no_gateway() -> None:
    """A program that was started without a gateway has the `fetch` that it always had."""
    address = "https://huggingface.co/a"
    assert _where("", address) == {"asked": [address], "changed": [False, False]}


def test_an_answer_that_takes_long() -> None:
    """Node gives up on an answer after five minutes; the gateway's is waited for, whatever way the program chose to the hub."""
    code = """
const seen = [];
globalThis.fetch = async (_, init) => seen.push(init.dispatcher);
require(process.argv[1]);
const own = { dispatch() {} };
Promise.all([fetch("https://hf.co/a"), fetch("https://hf.co/b", { dispatcher: own }), fetch("https://hf.co/c")]).then(() => {
  const [first] = seen, options = first[Object.getOwnPropertySymbols(first).find((one) => String(one) === "Symbol(options)")];
  console.log(JSON.stringify([options.headersTimeout, options.bodyTimeout, seen.every((one) => one === first)]));
});
"""
    found = _node(code, str(HUB), environ={"PATH": os.environ["PATH"], "HANSE_GATEWAY": URL})
    assert json.loads(found) == [86_400_000, 86_400_000, True]


def test_every_form_of_request(origin: HubOrigin, tmp_path: Path) -> None:
    """Strings, URL and Request objects with method, headers and body are answered by the gateway; another server by itself."""
    with whole_gateway(tmp_path, upstream=origin.url) as gateway:
        found = json.loads(_node(_FORMS, origin.url, environ=gateway.env))
    assert found == {
        "string": "hello",
        "url": "hello",
        "request": "el",
        "init": "h",
        "head": "5",
        "post": "a.txt",
        "posted": "a.txt",
        "dispatcher": 200,
        "other": NAME,
        "nonsense": "TypeError",
    }


def test_threads_and_children(origin: HubOrigin, tmp_path: Path) -> None:
    """What a program starts, in a thread or as a process, asks the gateway, too."""
    with whole_gateway(tmp_path, upstream=origin.url) as gateway:
        assert _node(_THREADS, environ=gateway.env).split() == ["hello", "hello"]
