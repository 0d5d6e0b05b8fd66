"""`make demo`: start a node in a temporary folder, push a real model to it with `hf`, pull it back, change it, look around.

Every command is printed before it runs. Uses the newest client environment of the tests and the all-MiniLM-L6-v2 of a package.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.services.clients import MINILM
from tests.support.clients import Client
from tests.support.live import live_node

LOAD = """
import sys, json
from transformers import AutoConfig, AutoTokenizer
name = sys.argv[1]
tokens = AutoTokenizer.from_pretrained(name)("No single institution can derail it.")["input_ids"]
print(json.dumps({"hidden_size": AutoConfig.from_pretrained(name).hidden_size, "tokens": tokens}))
"""


def say(text: str) -> None:
    """Print a line of the demonstration at once."""
    print(text, flush=True)


def show(client: Client, *arguments: str | Path) -> None:
    """Print an `hf` command, run it and print what it said."""
    say(f"\n$ hf {' '.join(map(str, arguments))}")
    say(client.hf(*arguments).rstrip())


def main() -> None:
    """Run the demonstration; ends with an exception if anything does not hold."""
    with tempfile.TemporaryDirectory(prefix="hanse-demo-") as name:
        folder = Path(name)
        model = folder / "all-MiniLM-L6-v2"
        shutil.copytree(MINILM, model)
        with live_node(folder / "node-home") as node:
            say(f"a node listens on {node.url}")
            client = Client("hub2", node, folder / "home")
            show(client, "upload", "admin/all-MiniLM-L6-v2", model)
            show(client, "download", "admin/all-MiniLM-L6-v2", "--local-dir", folder / "copy")
            same = (folder / "copy" / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
            say(f"\nmodel.safetensors is byte-identical: {same}")
            say(f"loaded by transformers: {client.python(LOAD, 'admin/all-MiniLM-L6-v2')}")
            show(client, "cache", "verify", "admin/all-MiniLM-L6-v2")
            if not same:
                sys.exit("the model that came back is not the one that was sent")


if __name__ == "__main__":
    main()
