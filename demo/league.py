"""The league: five institutions hold a model together; one dies, one's disk rots, one shows yesterday, and one wants the name.

1. Five institutions found a federation; three of them decide from then on.
2. One publishes; the others mirror its log, hold the bytes, scan them, and sign that they do.
3. A reader who trusts the federation loads the model by its name.
4. The publisher is killed, and a month passes: `main` still resolves, and says since when the publisher is silent.
5. One holder's disk is damaged, another one shows an old `main`: both are named, and the reader gets what he asked for.
6. Somebody wants to register the dead publisher's name: refused.
7. The dead member is taken off the list: who has no copy yet gets one from the survivors.
8. Everything leaves as plain files, is verified without a network, and is served on an island that knows nobody.
"""

from __future__ import annotations

import base64
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from demo.contrast import LATER_DAYS, later_folder
from demo.stage import Institution, Person, chapter, on_stage, say, until
from tests.services.clients import MINILM, client_hf
from tests.support.clients import Client

from hanse.model.evidence import LogEvidence, parse_evidence
from hanse.model.leaf import parse_leaf
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.statement import OMS

CITIES = ("hamburg", "wismar", "stralsund", "danzig", "reval")
NAME = "league.example"
MODEL = "hamburg/all-MiniLM-L6-v2"
COPIES, MIRRORS = 4, 3
SETTINGS = {
    "HANSE_FOLLOW_SECONDS": "1",
    "HANSE_AUDIT_SECONDS": "2",
    "HANSE_REPLICATE_GRACE_SECONDS": "5",
}


@dataclass
class League:
    """The members, and where files that travel between them lie. rev: the second edition, which not all hold."""

    folder: Path
    members: list[Institution]
    rev: str = ""
    before: dict[str, Any] = field(default_factory=dict)

    @property
    def home(self) -> Institution:
        """The publisher."""
        return self.members[0]

    @property
    def others(self) -> list[Institution]:
        """All but the publisher."""
        return self.members[1:]

    def holders(self, rev: str) -> list[Institution]:
        """Return who of the others holds a revision."""
        return [one for one in self.others if one.node.process is not None and sha(one) == rev]


def league(folder: Path) -> None:
    """Tell the story; ends the demonstration if any part of it does not happen."""
    folder.mkdir()
    rules = folder / "copies.toml"
    rules.write_text(f"copies = {COPIES}\n")
    with on_stage(folder, *CITIES, environ={**SETTINGS, "HANSE_REPLICATE_RULES": str(rules)}) as members:
        told = League(folder, members)
        found(told)
        yesterday = publish(told)
        reader = Person("reader", folder / "reader")
        read(told, reader)
        die(told, reader)
        lie(told, reader, yesterday)
        hijack(told)
        repair(told)
        leave(told)
        table(told)


def policy() -> str:
    """Return the policy that the federation's readers are given."""
    asked = "".join(f"[{what}]\nneed = {count}\n" for what, count in (("signers", 3), ("witness", MIRRORS), ("mirror", MIRRORS)))
    return f'policy = 1\nbase = "strict"\nname = "the league"\n{asked}[freshness]\nmax_age = "1d"\nwarn_age = "1d"\n'


def found(told: League) -> None:
    """Found the federation by typed commands."""
    chapter("Five institutions found a federation")
    home, folder = told.home, told.folder
    (folder / "policy.toml").write_text(policy())
    say(
        f"n = {len(CITIES)} members, of whom f = 1 may fail or lie: k = {MIRRORS + 1} must mirror a log, its operator among them,"
    )
    say("because 2k - n = 3 > f, and because n - f = 4 are left if one dies.")
    say(f"The operator's own word proves nothing, so readers ask for {MIRRORS} of the 4 others.")
    home.hanse("admin", "org", "add", "hamburg", "--owner", "admin")
    told.home.hanse("federation", "init", NAME, *_listing(home), "--namespace", "hamburg", "--quick")
    invite, proposal = folder / "invite", folder / "proposal"
    home.hanse("federation", "invite", "--out", invite)
    asked = []
    for one in told.others:
        asked.append(folder / f"{one.name}.request")
        one.hanse("federation", "join", invite, *_listing(one), "--out", asked[-1])
    words = [word for one in asked for word in ("--add", one)]
    home.hanse("federation", "propose", *words, "--need", "3", "--policy", folder / "policy.toml", "--out", proposal)
    for one in told.others[:2]:
        one.hanse("federation", "sign", proposal)
    home.hanse("federation", "publish", proposal)
    for one in told.others:
        one.hanse("federation", "update")


def _listing(one: Institution) -> tuple[str, ...]:
    return "--title", one.name.title(), "--address", one.node.url, "--capacity", "10 GiB"


def publish(told: League) -> bytes:
    """Publish twice; return the evidence of the first `main`, as one who wants to show an old state keeps it."""
    chapter("Hamburg publishes; the others mirror, scan, sign and hold")
    model = told.folder / "model"
    shutil.copytree(MINILM, model)
    writer = Client("hub2", told.home.node, told.folder / "publisher")
    told.home.hf(writer, "repos", "create", MODEL)
    made = sha(told.home)  # a revision that is replaced before anybody has seen it is nobody's to vouch for
    until(lambda: len(told.holders(made)) >= COPIES - 1, "the others hold what it begins with")
    told.home.hf(writer, "upload", MODEL, model)
    first = sha(told.home)
    until(lambda: len(told.holders(first)) == COPIES - 1, f"{COPIES - 1} others hold it, {COPIES} copies in all")
    until(lambda: vouched(told.holders(first)[0]), "enough have cosigned")
    old = evidence(told.holders(first)[0])
    (model / "README.md").write_text((model / "README.md").read_text() + "\nSecond edition.\n")
    told.home.hf(writer, "upload", MODEL, model / "README.md", "README.md")
    told.rev = sha(told.home)
    until(lambda: len(told.holders(told.rev)) >= COPIES - 1, "the others hold the second edition, too")
    until(lambda: all(map(vouched, [told.home, *told.holders(told.rev)])), "and enough have cosigned, as each of them shows")
    until(lambda: numbers(told.others[0], MODEL).get("lost", 0) >= COPIES, "everybody counts the copies")
    told.before = numbers(told.others[0], MODEL)
    return old


def read(told: League, reader: Person) -> None:
    """Trust the federation once, and load the model by its name."""
    chapter("A reader trusts the federation, and no member")
    fingerprint = re.search(r"[0-9a-f]{64}", told.home.hanse("federation", "status"))
    if fingerprint is None:
        sys.exit("the federation has no fingerprint")
    reader.hanse("trust", "add", told.others[0].node.url, "--fingerprint", fingerprint[0])
    (reader.home / "policy.toml").write_text(policy())
    said = load(reader, "first")
    if "witnessed" not in said:
        sys.exit("the model was not witnessed")


def load(reader: Person, name: str) -> str:
    """Load the model with the stock client under `hanse run`, into an empty store; return what was said."""
    store, out = reader.home / f"store-{name}", reader.home / f"copy-{name}"
    run: list[str | Path] = ["run", "--policy", reader.home / "policy.toml", "--upstream", "none", "--store", store, "--"]
    said = reader.hanse(*run, client_hf("hub2"), "download", MODEL, "--local-dir", out)
    if (out / "model.safetensors").read_bytes() != (MINILM / "model.safetensors").read_bytes():
        sys.exit("the model is not the one that was published")
    if "Second edition." not in (out / "README.md").read_text():
        sys.exit("an old state was taken for the new one")
    return said


def die(told: League, reader: Person) -> None:
    """Kill the publisher for good; the clocks of all others move on beyond every age that the policy allows."""
    chapter(f"Hamburg is gone: kill -9; and {LATER_DAYS} days pass")
    told.home.node.kill()
    later = later_folder(told.folder)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(later), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    for one in told.others:
        one.node.stop()
    with ThreadPoolExecutor(len(told.others)) as pool:
        list(pool.map(lambda one: one.node.start(), told.others))
    now = time.time() + (LATER_DAYS - 1) * 86400
    for one in told.others:
        until(
            partial(vouched, one, now),
            f"the others cosigned again, Hamburg's last checkpoint too, and {one.name.title()} shows it",
        )
    said = load(reader, "later")
    if "silent since" not in said:
        sys.exit("nobody said that the publisher is silent")


def lie(told: League, reader: Person, yesterday: bytes) -> None:
    """Damage one holder's disk, and let another one show yesterday's `main`."""
    holders = told.holders(told.rev)
    rotten, old = holders[0], holders[1]
    chapter(f"{rotten.name.title()}'s disk rots, and {old.name.title()} shows an old main")
    damage(rotten.node.data)
    old.node.stop()
    with shows(old.node.port, yesterday):
        said = load(reader, "lies")
    old.node.start()
    for one in (rotten, old):
        if str(one.node.port) not in said:
            sys.exit(f"{one.name} was not named")


def hijack(told: League) -> None:
    """Try to register the dead publisher's namespace at a living node."""
    thief = told.others[-1]
    chapter(f"{thief.name.title()} wants Hamburg's name")
    thief.hanse("admin", "org", "add", "hamburg", "--owner", "admin", status=1)


def repair(told: League) -> None:
    """Take the dead member off the list; who has no copy gets one."""
    chapter("Hamburg is taken off the list; its copies are made good")
    folder, first = told.folder, told.others[0]
    proposal = folder / "without-hamburg"
    first.hanse("federation", "propose", "--remove", "hamburg.example", "--out", proposal)
    for one in told.others[1:3]:
        one.hanse("federation", "sign", proposal)
    first.hanse("federation", "publish", proposal)
    for one in told.others[1:]:
        one.hanse("federation", "update", "--from", first.node.url)
    until(lambda: len(told.holders(told.rev)) == len(told.others), "everybody who is left holds it")


def leave(told: League) -> None:
    """Export, verify without a network, import on an island, and serve."""
    chapter("One leaves with everything; an island takes it in")
    one, out = told.others[-1], told.folder / "exported"
    alone = Person("island", told.folder / "island-home")
    shutil.copytree(told.folder / "reader" / "federations", alone.home / "federations")
    prefix = ["unshare", "--net", "--map-root-user"]
    cut = shutil.which("unshare") and subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode == 0
    say("the network is off" if cut else "this machine cannot switch a network off for one program: verified without asking it")
    says = f"all of the others have cosigned that {one.name.title()} holds it, too, as the policy asks"
    until(partial(vouched, one, holders=len(CITIES)), says)
    one.hanse("export", MODEL, "--to", out)
    if "NOT VERIFIED" in alone.hanse("verify", out, prefix=tuple(prefix) if cut else (), status=None):
        sys.exit("the export is not verified")
    with on_stage(told.folder, "island") as (island,):
        shutil.copytree(alone.home / "federations", island.home / "federations")
        island.hanse("import", out)
        copy = told.folder / "from-the-island"
        alone.hf(Client("hub2", island.node, alone.home), "download", MODEL, "--local-dir", copy)
        if (copy / "model.safetensors").read_bytes() != (MINILM / "model.safetensors").read_bytes():
            sys.exit("the island serves something else")


def table(told: League) -> None:
    """Print the derailment numbers before and after."""
    chapter("What it would take to derail it")
    after = numbers(told.others[1], MODEL)
    say(f"{'':34}{'before':>8}{'after':>8}")
    for key, what in (("lost", "members to lose before bytes are"), ("false", "members to collude for a lie")):
        say(f"{what:34}{told.before.get(key, '?'):>8}{after.get(key, '?'):>8}")


def sha(one: Institution) -> str:
    """Return what a node serves as `main` of the model, empty if it has none."""
    try:
        return str(json.loads(one.node.get(f"/api/models/{MODEL}")[1])["sha"])
    except OSError:
        return ""


def evidence(one: Institution) -> bytes:
    """Return the evidence of `main` as a node shows it."""
    return one.node.get(f"/api/models/{MODEL}/evidence/main")[1]


def vouched(one: Institution, since: float = 0, holders: int = COPIES) -> bool:
    """Tell whether enough others cosigned every log in the evidence that a node shows, as witnesses and mirrors, since a time.

    holders: in how many logs it has to show that their operators hold the model.
    """
    try:
        logs = parse_evidence(evidence(one)).logs
    except OSError:
        return False
    for log in logs:
        lines = [line for line in log.checkpoint.decode().splitlines() if line.startswith("— ")]
        for kind in ("witness", "mirror"):
            if sum(f"/{kind} " in line and signed_at(line) >= since for line in lines) < MIRRORS:
                return False
    return sum(map(holds, logs)) >= holders


def holds(log: LogEvidence) -> bool:
    """Tell whether a log lists a signed manifest, by which its operator says that he holds the files."""
    leaves = (parse_leaf(one.leaf) for one in log.leaves)
    return any(isinstance(leaf, AttestLeaf) and leaf.predicate == OMS for leaf in leaves)


def signed_at(line: str) -> int:
    """Return the time in a cosignature's line (C2SP tlog-cosignature: 4 bytes of key id, then 8 of time)."""
    return int.from_bytes(base64.b64decode(line.rsplit(" ", 1)[1])[4:12], "big")


def numbers(one: Institution, repo: str) -> dict[str, int]:
    """Return the derailment numbers of a repository as a node counts them."""
    told = json.loads(one.node.get("/v1/status")[1])
    row = next((row for row in told["repos"] if row["repo"] == repo.lower() or row["repo"] == repo), None)
    return {} if row is None else {"lost": row["lost"]["members"], "false": (row["deceived"] or {}).get("members", 0)}


def damage(data: Path) -> None:
    """Change a byte in the middle of everything that holds bytes of files."""
    say("every stored file of it has one other byte now")
    for path in (one for kind in ("xorbs", "blobs") for one in (data / "objects" / kind).rglob("*") if one.is_file()):
        content = bytearray(path.read_bytes())
        if content:
            content[len(content) // 2] ^= 1
            path.chmod(0o600)
            path.write_bytes(content)


@contextmanager
def shows(port: int, old: bytes) -> Iterator[None]:
    """Answer at a port with an old state of the model, and with nothing else."""

    class Old(http.server.BaseHTTPRequestHandler):
        """Says yesterday's `main`."""

        def do_GET(self) -> None:
            """Answer evidence with what was kept."""
            known = self.path == f"/api/models/{MODEL}/evidence/main"
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(old) if known else 0))
            self.end_headers()
            self.wfile.write(old if known else b"")

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Old)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory(prefix="hanse-league-") as temporary:
        league(Path(temporary) / "league")
