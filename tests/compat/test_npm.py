"""npm's `@huggingface/hub` against a live node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.services.clients import CLIENTS
from tests.support.live import ADMIN_TOKEN, LiveNode

_SCRIPT = """
import { createRepo, uploadFiles, listFiles, downloadFile, modelInfo, deleteFile } from "@huggingface/hub";
const [hubUrl, accessToken, name] = process.argv.slice(2);
const repo = { type: "model", name };
const auth = { hubUrl, accessToken, repo };
await createRepo(auth);
const big = new Uint8Array(3_000_000).map((_, i) => (i * 2654435761) >>> 13);
await uploadFiles({ ...auth, files: [
  { path: "config.json", content: new Blob(["{}"]) },
  { path: "sub/weights.bin", content: new Blob([big]) },
]});
const names = [];
for await (const file of listFiles({ ...auth, recursive: true })) names.push([file.path, file.type, file.size]);
const back = new Uint8Array(await (await downloadFile({ ...auth, path: "sub/weights.bin" })).arrayBuffer());
const same = back.length === big.length && back.every((value, i) => value === big[i]);
await deleteFile({ ...auth, path: "config.json" });
const info = await modelInfo({ hubUrl, accessToken, name });
console.log(JSON.stringify({ names: names.sort(), same, name: info.name }));
"""


def test_upload_list_download_delete(node: LiveNode, repo: str) -> None:
    """The JavaScript client creates a repository, uploads, lists, downloads and deletes."""
    script = CLIENTS / "npm" / "round-trip.mjs"
    script.write_text(_SCRIPT)
    command = ["node", str(script), node.url, ADMIN_TOKEN, repo]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=node.client_env(Path("/tmp")))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{node.log()}"
    got = json.loads(done.stdout.strip().splitlines()[-1])
    assert got["same"]
    assert got["name"] == repo
    assert ["sub/weights.bin", "file", 3_000_000] in got["names"]
