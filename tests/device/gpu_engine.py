"""One answer of a small random model by the engine program, where PyTorch is. Standard library outside."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

MAKE = """
import sys, json
from pathlib import Path
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
folder = Path(sys.argv[1])
words = {word: at for at, word in enumerate(["<s>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz0123456789+=?"])}
tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>").save_pretrained(folder)
sizes = dict(vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4)
LlamaForCausalLM(LlamaConfig(**sizes, bos_token_id=0, eos_token_id=1)).save_pretrained(folder)
"""
ROOT = Path(__file__).resolve().parents[2]


def main(python: str) -> None:
    """Make the model, load it in the engine program, and print what it observed, an answer, gaps and memory."""
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run([python, "-c", MAKE, folder], check=False).returncode:
            print("  no engine here")
            return
        jobs = ROOT / "src" / "hanse" / "jobs"
        ask = {"prompt": "1+1=", "max_tokens": 8, "temperature": 0, "top_p": 1, "seed": 0, "stop": []}
        lines = [{"model": folder, "threads": 1, "context": 512}, ask, ask | {"force": [5, 6, 7]}, {"peak": True}]
        command = [python, "-I", str(jobs / "engine_program.py"), str(jobs / "engine_transformers.py")]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        print(subprocess.run(command, input=text, capture_output=True, text=True, check=False).stdout)


if __name__ == "__main__":
    main(sys.argv[1])
