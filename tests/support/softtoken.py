"""A real PKCS #11 token (SoftHSM) in a folder, with keys of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from hanse.keys.files import FileSigner

PIN = "123456"
LABEL = "hanse"
_MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so", "/usr/lib64/libsofthsm2.so")


def make_token(folder: Path, keys: Mapping[int, FileSigner]) -> dict[str, str]:
    """Make a token `hanse` that holds these ECDSA P-256 keys by number; return the environment in which programs find it.

    A process reads that environment once, with the first key that it opens in any token.
    """
    (folder / "tokens").mkdir()
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    module = next(name for name in _MODULES if Path(name).exists())
    found = {"SOFTHSM2_CONF": str(conf), "PYKCS11LIB": module}
    _util(found, "--init-token", "--free", "--label", LABEL, "--so-pin", "87654321", "--pin", PIN)
    for number, key in keys.items():
        file = folder / f"{number}.pem"
        file.write_bytes(key.pem())
        _util(found, "--import", str(file), "--token", LABEL, "--label", "attest", "--id", f"{number:02x}", "--pin", PIN)
    return found


def _util(environ: Mapping[str, str], *arguments: str) -> None:
    subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True, timeout=60, env={**os.environ, **environ})
