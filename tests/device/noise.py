"""Other weights under the name of the right ones: a GGUF file in Q4_1, changed in place. For tests of what an audit finds.

Noise: the scale and the least value of every block of 32 weights, multiplied by 1 and a normal error of that share. So a weight
is off by that share of itself, and matrices by that share of their own size; embeddings and norms stay. Less: the lowest bit of
every weight is cleared, as in a format of three bits. Layer: one layer adds nothing to what passes through it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader

BLOCK = 20
"""Bytes of a block in Q4_1: scale and least value in f16, then 32 weights of four bits."""


def change(path: Path, kind: str, share: float) -> int:
    """Change the weights in a file; returns how many matrices were changed."""
    reader, random, count = GGUFReader(str(path), "r+"), np.random.default_rng(7), 0
    for tensor in reader.tensors:
        layer = kind == "layer" and tensor.name in {"blk.15.attn_output.weight", "blk.15.ffn_down.weight"}
        if tensor.tensor_type != GGMLQuantizationType.Q4_1 or "blk." not in tensor.name or (kind == "layer" and not layer):
            continue
        blocks = tensor.data.reshape(-1, BLOCK)
        scales = blocks[:, :4].copy().view(np.float16)
        if kind == "noise":
            errors = 1 + share * random.standard_normal((len(scales), 1))
            blocks[:, :4] = (scales * errors).astype(np.float16).view(np.uint8)
        elif kind == "layer":
            blocks[:, :4] = 0
        else:
            blocks[:, 4:] &= 0xEE
        count += 1
    reader.data.flush()
    return count


if __name__ == "__main__":
    print(change(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
