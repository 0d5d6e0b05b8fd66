"""A client that uploads and commits without end and notes what was acknowledged; runs in a client environment.

Arguments: repository, seed, file for acknowledgements, file whose existence ends it. Each line of acknowledgements is JSON
[number, path, SHA-256, commit id], written only after the node answered.
"""

import hashlib
import json
import pathlib
import random
import sys
import time

from huggingface_hub import CommitOperationAdd, HfApi

repo, seed, acknowledged, stop = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])
api = HfApi()
rng = random.Random(seed)
base = rng.randbytes(2_000_000)
number = 0
with acknowledged.open("a", buffering=1) as out:
    while not stop.exists():
        number += 1
        data = rng.randbytes(rng.choice([60, 9_000, 400_000]))
        if rng.random() < 0.3:
            at = rng.randrange(len(base) - len(data))
            data = base[:at] + data + base[at:]
        path = f"seed{seed}/{number % 25}.{'txt' if len(data) < 100 else 'bin'}"
        if path.endswith("txt"):
            data = data.hex().encode()
        while True:
            try:
                info = api.create_commit(
                    repo_id=repo, operations=[CommitOperationAdd(path, data)], commit_message=f"{seed} {number}"
                )
                break
            except Exception as error:  # noqa: BLE001 whatever the client raises while the node is down
                if stop.exists():
                    sys.exit(0)
                print(type(error).__name__, str(error)[:300].replace("\n", " "), file=sys.stderr, flush=True)
                time.sleep(0.05)
        out.write(json.dumps([number, path, hashlib.sha256(data).hexdigest(), info.oid]) + "\n")
