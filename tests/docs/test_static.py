"""The commands of docs/static.md found a federation of three, one of them static only, and a reader pulls from its files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.services.clients import client_hf
from tests.support.forked import Mother, forked_node
from tests.support.live import LiveNode
from tests.support.proxies import nginx_files
from tests.support.served import until

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "static.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"<!-- run at ([a-z]+)(, once [a-z ]+)? -->\n```sh\n(.*?)```", re.DOTALL)
_SETTINGS = {"HANSE_FOLLOW_SECONDS": "1", "HANSE_SETTLE_SECONDS": "1", "HANSE_AUDIT_SECONDS": "0"}
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class Desks:
    """Three nodes, a web server over C's folder, and a reader; each types commands in the same folder."""

    def __init__(self, folder: Path, nodes: dict[str, LiveNode], site: str) -> None:
        self.folder, self.nodes, self.site = folder, nodes, site
        self.said = ""

    def type(self, who: str, script: str) -> str:
        """Run a block as somebody, with the addresses that there are, and return what it printed."""
        addresses = {"https://a.example": self.nodes["a"].url, "https://b.example": self.nodes["b"].url}
        for name, url in (addresses | {"https://c.example": self.site, "http://127.0.0.1:8080": self.nodes["c"].url}).items():
            script = script.replace(name, url)
        if who == "reader":
            script = _FINGERPRINT.sub(_FINGERPRINT.findall(self.said)[0], script)
        home = self.nodes[who].folder if who in self.nodes else self.folder / who
        tools = [str(client_hf("hub2").parent), str(Path(sys.executable).parent), os.environ["PATH"]]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("HANSE_", "HF_"))}
        environ |= {"HANSE_HOME": str(home), "HOME": str(home), "PATH": os.pathsep.join(tools)}
        words = ["bash", "-c", f"set -eu\n{script}"]
        done = subprocess.run(words, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, f"{who}: {script}\n{done.stdout}\n{done.stderr}"
        self.said += done.stdout
        return done.stdout

    def signed(self) -> bool:
        """Tell whether C's node has signed its model."""
        status, data = self.nodes["c"].get("/api/models/archive-c/first/evidence/main")
        return status == 200 and b"dsseEnvelope" in data

    def mirrored(self) -> bool:
        """Tell whether A and B cosigned the checkpoint that is on the site as witnesses and as mirrors.

        What C's node has logged since, such as what its audits came to, is brought to the site first, as a timer does.
        """
        served = (self.folder / "site" / "log" / "checkpoint").read_text().splitlines()
        _, note = self.nodes["c"].get("/log/checkpoint")
        if note.decode().splitlines()[:3] != served[:3]:
            self.type("c", "hanse publish-static site")
            return False
        for name in "ab":
            _, copy = self.nodes[name].get(f"/mirror/{_hash('c.example')}/checkpoint")
            if copy.decode().splitlines()[:3] != served[:3]:
                return False
        return note.count("— ".encode()) == 5


def _hash(origin: str) -> str:
    from hanse.db.witnesses import origin_hash

    return origin_hash(origin)


@pytest.fixture(name="desks")
def _desks(mother: Mother, tmp_path: Path) -> Iterator[Desks]:
    (tmp_path / "site").mkdir()
    (tmp_path / "reader").mkdir()
    with ExitStack() as stack:
        nodes: dict[str, LiveNode] = {}
        for name in "abc":
            (tmp_path / name).mkdir()
            flags, environ = ("--origin", f"{name}.example"), dict(_SETTINGS)
            nodes[name] = stack.enter_context(forked_node(mother, tmp_path / name, flags=flags, environ=environ))
        yield Desks(tmp_path, nodes, stack.enter_context(nginx_files(tmp_path / "site", tmp_path / "nginx")))


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_from_nothing_to_three_members(desks: Desks) -> None:
    """Every block of the page works as it stands; the reader gets what is C's, proved by files and cosigned."""
    blocks = BLOCK.findall(PAGE)
    assert [who for who, _, _ in blocks][-1] == "reader"
    for who, once, script in blocks:
        if once:
            until(desks.signed if "signed" in once else desks.mirrored, 150)
        desks.type(who, script)
        if who == "c" and once and "mirrored" in once:
            desks.nodes["c"].kill()  # nobody needs it any more
    assert (desks.folder / "first" / "config.json").read_text() == '{"model_type": "bert"}\n'
    assert (desks.folder / "site" / "log" / "checkpoint").read_text().count("— ") == 5
