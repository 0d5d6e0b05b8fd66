"""npm's `@huggingface/hub` under `hanse run`, called as its own documentation calls it: with no word about a hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.services.clients import CLIENTS
from tests.support.pull_person import EVIL
from tests.support.running import Ran, Runner

from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin

GOOD, BAD = "ada/good", "ada/bad"
FILES = {"config.json": b"{}", "sub/weights.bin": bytes(range(256)) * 1200}
_READ = """
import { downloadFile, listFiles, snapshotDownload } from "@huggingface/hub";
import { readFileSync } from "node:fs";
const repo = process.argv[2], hubs = [undefined, process.env.HF_ENDPOINT], got = [];
for (const hubUrl of hubs) for await (const { path, type } of listFiles({ repo, hubUrl, recursive: true })) {
  if (type !== "file") continue;
  const data = await (await downloadFile({ repo, path, hubUrl })).arrayBuffer();
  got.push([path, Buffer.from(data).toString("hex")]);
}
console.debug = () => {};
const folder = await snapshotDownload({ repo });
for (const path of ["config.json", "sub/weights.bin"]) got.push([path, readFileSync(`${folder}/${path}`).toString("hex")]);
console.log(JSON.stringify(got));
"""
_REFUSED = """
import { downloadFile } from "@huggingface/hub";
const error = await downloadFile({ repo: process.argv[2], path: process.argv[3] }).then(() => null, (error) => error);
console.log(JSON.stringify(error && [error.constructor.name, error.statusCode, error.message]));
"""


@pytest.fixture(name="origin")
def _origin() -> Iterator[HubOrigin]:
    with HubOrigin({GOOD: FILES, BAD: {"config.json": b"{}", "model.pkl": EVIL}}, xet=True) as origin:
        yield origin


def _run(user: Runner, code: str, *arguments: str) -> Ran:
    """Run a module that stands beside the client's packages, since that is where Node looks for them."""
    script = CLIENTS / "npm" / f"{user.home.parent.name}.mjs"
    script.write_text(code)
    try:
        return user.run("node", script, *arguments).good()
    finally:
        script.unlink()


def test_files_and_cache(origin: HubOrigin, tmp_path: Path) -> None:
    """Files come verified, by GET and into the cache, whether the program names the gateway as its hub or no hub at all."""
    user = Runner(tmp_path / "user", ("--upstream", origin.url))
    ran = _run(user, _READ, GOOD)
    assert ran.value == [[path, data.hex()] for path, data in sorted(FILES.items())] * 3
    assert ran.summary["used"][0]["repo"] == GOOD
    again = _run(user, _READ, GOOD)
    assert again.value == ran.value
    assert "quarantine" not in again.err  # what the client put into the cache stands up to the audit


def test_refused_and_false(origin: HubOrigin, tmp_path: Path) -> None:
    """What the policy refuses, and what the hub's mirror altered, is an error of the client's own kind that says the reason."""
    origin.faults.set(Fault.WRONG_BYTES, path="*.bin")
    user = Runner(tmp_path / "user", ("--upstream", origin.url))
    for name, path, reason in ((BAD, "model.pkl", "refuses 'model.pkl'"), (GOOD, "sub/weights.bin", "sub/weights.bin")):
        kind, status, message = _run(user, _REFUSED, name, path).value
        assert (kind, status) == ("HubApiError", 403)
        assert reason in message
