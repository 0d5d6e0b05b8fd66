"""`make demo`: what stock tools take from a hostile mirror and Hanse does not; then three institutions, one of which lies.

First the contrast (demo/contrast.py). Then:

1. Three nodes start, in a temporary folder, and are introduced to each other.
2. One publishes a real model with `hf upload`; the others witness its log, replay and mirror it.
3. A reader pulls the model, loads it, and verifies what he got.
4. The publisher is killed. What the reader has is verified without it, and without a network.
5. Another one lies: in the bytes that it serves, and in the history that it signs. Both are caught.

Last a federation of five holds a model through all of that, repairs it, and leaves with it (demo/league.py).

Every command is printed before it runs, with who runs it. Uses the newest client environment of the tests and the
all-MiniLM-L6-v2 of a package.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from demo.contrast import contrast
from demo.league import league
from demo.stage import Institution, Person, chapter, introduce, on_stage, say, until
from tests.services.clients import MINILM
from tests.support.clients import Client

from hanse.db.witnesses import origin_hash
from hanse.errors import PeerRefused
from hanse.flows.keyring import Custody, open_key
from hanse.peers.client import PeerClient
from hanse.peers.witnessclient import WitnessClient
from hanse.tlog.addcheckpoint import UnverifiedRequest
from hanse.tlog.checkpoint import Checkpoint, sign_checkpoint

NAMES = ("luebeck", "bergen", "riga")
MODEL = "admin/all-MiniLM-L6-v2"
OTHER = "admin/little"
LOAD = """
import sys, json
from transformers import AutoConfig, AutoTokenizer
name = sys.argv[1]
tokens = AutoTokenizer.from_pretrained(name)("No single institution can derail it.")["input_ids"]
print(json.dumps({"hidden_size": AutoConfig.from_pretrained(name).hidden_size, "tokens": tokens}))
"""


def main() -> None:
    """Run the demonstration; ends with an exception if anything does not hold."""
    with tempfile.TemporaryDirectory(prefix="hanse-demo-") as name, on_stage(Path(name), *NAMES) as (luebeck, bergen, riga):
        folder = Path(name)
        contrast(folder / "contrast", luebeck)
        reader, copy = Person("reader", folder / "reader"), folder / "copy"
        chapter("Whoever publishes is witnessed by the others")
        introduce(luebeck, bergen, riga)
        introduce(riga, bergen)
        publish(luebeck, folder)
        chapter("A reader pulls the model with the tools he has")
        pull(luebeck, reader, copy)
        chapter("What he got is verified on his machine")
        evidence, policy = check(luebeck, reader, copy)
        chapter("Luebeck is gone: kill -9")
        luebeck.node.kill()
        without_the_publisher(bergen, reader, copy, evidence, policy)
        chapter("Riga lies: it serves other bytes under the same name")
        other_bytes(riga, reader, folder)
        chapter("Riga lies again: it signs a second history of its log")
        other_history(riga, bergen)
        league(folder / "league")
        chapter("The end")
        say("Members died and lied. The model is there, and everybody knows who lied.")


def publish(luebeck: Institution, folder: Path) -> None:
    """Push a real model, and wait until others vouch for it."""
    model = folder / "all-MiniLM-L6-v2"
    shutil.copytree(MINILM, model)
    luebeck.hf(Client("hub2", luebeck.node, folder / "publisher"), "upload", MODEL, model)
    until(lambda: luebeck.vouched(MODEL) == 4, "two witnesses and two mirrors cosign")
    luebeck.hanse("witness", "list")


def pull(luebeck: Institution, reader: Person, copy: Path) -> None:
    """Pull and load the model by unmodified clients."""
    client = Client("hub2", luebeck.node, reader.home)
    reader.hf(client, "download", MODEL, "--local-dir", copy)
    if (copy / "model.safetensors").read_bytes() != (MINILM / "model.safetensors").read_bytes():
        sys.exit("the model that came back is not the one that was sent")
    say("model.safetensors is byte-identical")
    say(f"loaded by transformers: {client.python(LOAD, MODEL)}")


def check(luebeck: Institution, reader: Person, copy: Path) -> tuple[Path, Path]:
    """Verify a first time, with evidence from the publisher; return the evidence, and the policy that names who counts."""
    evidence, policy = reader.home / "model.hanse.jsonl", reader.home / "luebeck.toml"
    say("Luebeck publishes once whom it asks, and what a reader should ask for:")
    policy.write_text(luebeck.printed("witness", "policy", "--toml"))
    reader.hanse("verify", copy, "--repo", MODEL, "--node", luebeck.node.url, "--policy", policy, "--save-evidence", evidence)
    return evidence, policy


def without_the_publisher(bergen: Institution, reader: Person, copy: Path, evidence: Path, policy: Path) -> None:
    """Verify what was published by somebody who is gone, without network; its log lives on where it is mirrored."""
    reader.hanse("verify", copy, "--bundle", evidence, "--offline", "--policy", policy)
    reader.hanse("log", "check", f"{bergen.node.url}/mirror/{origin_hash('luebeck.example')}")


def other_bytes(riga: Institution, reader: Person, folder: Path) -> None:
    """Change a file on the disk of a node: its client takes it, verification does not."""
    model, copy = folder / "little", folder / "little-copy"
    model.mkdir()
    text = b'{"model_type": "bert", "trust_remote_code": false}\n'
    (model / "config.json").write_bytes(text)
    riga.hf(Client("hub2", riga.node, folder / "riga-publisher"), "upload", OTHER, model)
    until(lambda: riga.vouched(OTHER) == 2, "Bergen cosigns")
    stored = next(
        path for path in (riga.node.data / "objects" / "blobs").rglob("*") if path.is_file() and path.read_bytes() == text
    )
    stored.chmod(0o600)
    stored.write_bytes(text.replace(b"false", b"true "))
    say('Riga\'s operator edits the stored config.json: "trust_remote_code": true')
    reader.hf(Client("hub2", riga.node, reader.home), "download", OTHER, "--local-dir", copy)
    say(f"the client took it: {(copy / 'config.json').read_text().strip()}")
    reader.hanse("verify", copy, "--repo", OTHER, "--node", riga.node.url, status=1)


def other_history(riga: Institution, bergen: Institution) -> None:
    """Sign a second root for a size that was cosigned: no witness takes it, and the two notes are proof for everybody."""
    head = riga.head()
    false = Checkpoint(head.origin, head.size, hashlib.sha256(b"another history").digest())
    note = sign_checkpoint(false, open_key(riga.node.data, Custody(), "log"))
    say(f"Riga signs another log of {head.size} entries with its real key, and asks Bergen to cosign it:")
    client = PeerClient()
    try:
        WitnessClient(client, f"{bergen.node.url}/witness").add_checkpoint(UnverifiedRequest(head.size, (), note))
    except PeerRefused as refused:
        say(f"  {refused.message}")
    else:
        sys.exit("a witness cosigned two histories")
    finally:
        client.close()
    if "equivocation" not in bergen.hanse("witness", "alarms"):
        sys.exit("nobody noticed that the log was forked")


if __name__ == "__main__":
    main()
