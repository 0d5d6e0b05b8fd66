"""A GGUF file, or a folder of safetensors, in PyTorch by transformers: loaded by `engine_program`, in an environment of its own.

Full precision (fp32), one item at a time, plain attention, no code from the folder, no pickles, nothing fetched. It runs on the
accelerator that the machine has, or on the processor, and tells which after loading: a build of PyTorch for ROCm calls its
devices `cuda`, so that name alone says nothing.
"""

from __future__ import annotations

import functools
import importlib
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

_LAST = -1


class Transformers:
    """A model in PyTorch. said: {model, threads, context}; model: a GGUF file, or a folder with config.json and safetensors."""

    def __init__(self, said: dict[str, Any]) -> None:
        os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        torch: Any = importlib.import_module("torch")
        transformers: Any = importlib.import_module("transformers")
        self._torch = torch
        self._version = f"transformers {transformers.__version__}, torch {torch.__version__}"
        torch.set_num_threads(said["threads"])
        self._threads, self._context = said["threads"], said["context"]
        path = Path(said["model"])
        gguf = path.is_file()
        folder = path.parent if gguf else path
        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        options |= {"gguf_file": path.name} if gguf else {}
        self._kind = "gguf" if gguf else "safetensors"
        with _parsed_once() if gguf else nullcontext():
            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(str(folder), **options)
            if not gguf:
                options["use_safetensors"] = True
            model: Any = transformers.AutoModelForCausalLM.from_pretrained(
                str(folder), dtype=torch.float32, attn_implementation="eager", **options
            )
        self._model = model.to(_device(torch)).eval()
        ends = model.generation_config.eos_token_id
        self._ends = set(ends if isinstance(ends, list) else [ends]) | {self._tokenizer.eos_token_id}

    def observed(self, alone: bool) -> dict[str, Any]:
        """Return numerics and hardware as observed after loading, from where the weights lie."""
        backend, arch, device, driver = _place(self._torch, next(self._model.parameters()).device)
        numerics = {
            "engine": "transformers",
            "engineVersion": self._version,
            "build": str(self._torch.version.git_version)[:80],
            "backend": backend,
            "arch": arch,
            "weights": self._kind,
            "compute": str(self._model.dtype).removeprefix("torch."),
            "kv": str(self._model.dtype).removeprefix("torch."),
            "attention": str(self._model.config._attn_implementation),  # noqa: SLF001 no other name for what was chosen
            "batch": "one at a time",
            "parallel": "1",
            "determinism": f"tf32 {'on' if self._torch.backends.cuda.matmul.allow_tf32 else 'off'}",
            "threads": str(self._torch.get_num_threads()),
        }
        hardware = {"devices": device, "driver": driver, "os": platform.system(), "network": "own" if alone else "shared"}
        return {"numerics": numerics, "hardware": hardware}

    def answer(self, said: dict[str, Any]) -> dict[str, Any]:
        """Return an answer in the OpenAI form, with the prompt as the model saw it and how long it took."""
        rendered, ids = self._prompt(said)
        tokens, logprobs, ended, timings = self._generate(ids, said)
        text = self._text(tokens)
        cut = min((at for at in (text.find(stop) for stop in said["stop"]) if at >= 0), default=_LAST)
        if cut >= 0:
            text, ended = text[:cut], True
        listed = [{"id": token, "logprob": min(0.0, value)} for token, value in zip(tokens, logprobs, strict=True)]
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop" if ended else "length", "logprobs": {"content": listed}}
        choice |= {"message": {"role": "assistant", "content": text}} if "messages" in said else {"text": text}
        usage = {"completion_tokens": len(tokens)}
        return {"choices": [choice], "usage": usage, "__verbose": {"prompt": rendered}, "promptIds": ids, "timings": timings}

    def force(self, said: dict[str, Any]) -> dict[str, Any]:
        """Return gap and log-probability of each token forced behind a prompt, in one pass; the prompt, and the tokens' text.

        as_said: in fp32 a pass over all of them differs from one after the other by no more than rounding.
        """
        rendered, ids = self._prompt(said)
        tokens = list(said["force"])
        if max(tokens, default=0) >= self._model.config.vocab_size:
            raise ValueError("a token is none of this model's")
        logits = self._logits(ids + tokens)[len(ids) - 1 : _LAST]
        own = logits.gather(1, self._torch.tensor(tokens, device=logits.device).unsqueeze(1)).squeeze(1)
        found = {"rendered": rendered, "text": self._text(tokens), "gaps": (logits.max(dim=1).values - own).tolist()}
        return found | {"logprobs": (own - logits.logsumexp(dim=1)).tolist(), "as_said": True}

    def rank(self, said: dict[str, Any]) -> dict[str, Any]:
        """Return the log-probability of each text behind a prompt."""
        prompt = str(said["prompt"])
        # Spaces at the end belong to what follows: tokens begin with them.
        bare = prompt.rstrip(" ")
        count = len(self._ids(bare))
        found = []
        for choice in said["rank"]:
            whole = self._ids(prompt + choice)
            logprobs = self._logits(whole)[count - 1 : _LAST].log_softmax(dim=1)
            wanted = self._torch.tensor(whole[count:], device=logprobs.device).unsqueeze(1)
            found.append(float(logprobs.gather(1, wanted).sum()))
        return {"rendered": prompt, "logprobs": found}

    def peak(self) -> int:
        """Return the most bytes of the device's memory that were in use."""
        cuda = self._torch.cuda
        return int(cuda.max_memory_allocated()) if cuda.is_available() else 0

    def _prompt(self, said: dict[str, Any]) -> tuple[str, list[int]]:
        if "messages" not in said:
            return said["prompt"], self._ids(said["prompt"])
        rendered = self._tokenizer.apply_chat_template(said["messages"], tokenize=False, add_generation_prompt=True)
        return rendered, list(self._tokenizer(rendered, add_special_tokens=False).input_ids)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text).input_ids)

    def _text(self, tokens: list[int]) -> str:
        shown = tokens[:_LAST] if tokens and tokens[_LAST] in self._ends else tokens
        return str(self._tokenizer.decode(shown, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _logits(self, ids: list[int]) -> Any:
        self._require(len(ids))
        with self._torch.inference_mode():
            return self._model(self._torch.tensor([ids], device=self._model.device)).logits[0].float()

    def _generate(self, ids: list[int], said: dict[str, Any]) -> tuple[list[int], list[float], bool, dict[str, Any]]:
        """Return tokens, the log-probability of each, whether it came to an end, and times in milliseconds."""
        self._require(len(ids) + said["max_tokens"])
        torch = self._torch
        random = torch.Generator(device="cpu").manual_seed(said["seed"])
        tokens: list[int] = []
        logprobs: list[float] = []
        cache, feed, first = None, ids, 0.0
        began = time.perf_counter()
        with torch.inference_mode():
            while len(tokens) < said["max_tokens"]:
                found = self._model(torch.tensor([feed], device=self._model.device), past_key_values=cache, use_cache=True)
                cache, row = found.past_key_values, found.logits[0, _LAST].float().cpu()
                token = _choose(torch, row, said, random)
                first = first or time.perf_counter() - began
                tokens.append(token)
                logprobs.append(float(row.log_softmax(0)[token]))
                if token in self._ends or any(stop in self._text(tokens) for stop in said["stop"]):
                    break
                feed = [token]
        rest = time.perf_counter() - began - first
        timings = {"prefill": [len(ids), 1e3 * first], "decode": [max(0, len(tokens) - 1), 1e3 * rest]}
        return tokens, logprobs, bool(tokens) and tokens[_LAST] in self._ends, timings

    def _require(self, count: int) -> None:
        if count > self._context:
            raise ValueError(f"{count} tokens do not fit into a context of {self._context}")


@contextmanager
def _parsed_once() -> Iterator[None]:
    """Keep what is read of a GGUF file while it is loaded.

    Without it transformers parses the header, with its whole vocabulary, three times over, and makes the table of tensor names
    anew for each module: half of the processor time of loading SmolLM2-135M.
    """
    gguf: Any = importlib.import_module("gguf")
    kept = {name: getattr(gguf, name) for name in ("GGUFReader", "get_tensor_name_map")}
    for name, made in kept.items():
        setattr(gguf, name, functools.lru_cache(maxsize=1)(made))
    try:
        yield
    finally:
        for name, made in kept.items():
            setattr(gguf, name, made)


def _choose(torch: Any, row: Any, said: dict[str, Any], random: Any) -> int:
    """Return the likeliest token at temperature 0, else one that is drawn from the likeliest that have top_p together."""
    if said["temperature"] == 0:
        return int(row.argmax())
    shares, order = (row / said["temperature"]).softmax(0).sort(descending=True)
    shares[shares.cumsum(0) - shares >= said["top_p"]] = 0
    return int(order[torch.multinomial(shares, 1, generator=random)])


def _device(torch: Any) -> str:
    """Return the device that there is."""
    if torch.cuda.is_available():
        return "cuda"
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        return "xpu"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _place(torch: Any, device: Any) -> tuple[str, str, str, str]:
    """Return backend, architecture, device and driver of where weights lie."""
    if device.type == "cuda":
        seen = torch.cuda.get_device_properties(device)
        if torch.version.hip:
            return "rocm", str(getattr(seen, "gcnArchName", "not said")), str(seen.name), f"hip {torch.version.hip}"
        return "cuda", f"sm_{seen.major}{seen.minor}", str(seen.name), f"cuda {torch.version.cuda}, {_nvidia()}"
    if device.type == "xpu":
        seen = torch.xpu.get_device_properties(device)
        return "xpu", "not said", str(seen.name), str(getattr(seen, "driver_version", "not said"))
    if device.type == "mps":
        return "mps", platform.machine(), "Apple GPU", platform.mac_ver()[0]
    return "cpu", f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}", "CPU", ""


def _nvidia() -> str:
    """Return the version of the kernel's driver."""
    try:
        line = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8", errors="replace").splitlines()[0]
    except (OSError, IndexError):
        return "driver not said"
    return next((f"driver {word}" for word in line.split() if word[:1].isdigit() and "." in word), "driver not said")


def load(said: dict[str, Any]) -> Transformers:
    """Return the model that is named."""
    return Transformers(said)
