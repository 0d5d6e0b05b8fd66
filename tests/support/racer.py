"""A process that submits checkpoints to the witness of a catalogue: `python -m tests.support.racer URL FOLDER`.

Requests come on standard input, one a line in base64; for each it prints the size that it was answered: the one cosigned, or the
recorded one after an exclamation mark if it was refused.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from tests.support.nodes import make_node

from hanse.db.engine import Database
from hanse.errors import SizeConflict
from hanse.flows import witness


def main() -> None:
    """Answer requests until there are no more."""
    database = Database(sys.argv[1])
    node = make_node(database, Path(sys.argv[2]))
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            print(witness.submit(node, base64.b64decode(line)).checkpoint.size, flush=True)
        except SizeConflict as error:
            print(f"!{error.size}", flush=True)
    database.close()


if __name__ == "__main__":
    main()
