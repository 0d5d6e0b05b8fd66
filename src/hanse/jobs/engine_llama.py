"""A GGUF file in llama.cpp, by the package xllamacpp: loaded by `engine_program`, in an environment that has it.

The server inside listens on this machine's loopback. One slot, no prompt cache, no flash attention, f16 keys and values: a
reference that every machine has. Threads are as many as were asked for.

Tokens are forced on it by a grammar of exactly these tokens. What it tells of each is the log-probability before the grammar had
its say, and the likeliest token's beside it: their difference is the gap between the two logits. Tokens that are part of a
character only, as in Hindi or Chinese, are left out of what it tells, and its grammars refuse them: an answer with such tokens is
looked at place by place, with the likeliest tokens of each.
"""

from __future__ import annotations

import hashlib
import json
import platform
import urllib.request
from pathlib import Path
from typing import Any

_MAX_REPLY = 8 * 1024 * 1024
_SECONDS = 60.0
_LISTED = 1000
"""Likeliest tokens of a place that are looked at; one that is none of them has the gap of the last one at least."""
_FORCE = 1e4


class Llama:
    """A model in llama.cpp. said: {model, threads, context}."""

    def __init__(self, said: dict[str, Any]) -> None:
        import xllamacpp  # noqa: PLC0415 an extra

        self._module: Any = xllamacpp
        params = xllamacpp.CommonParams()
        params.model.path = said["model"]
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = said["threads"]
        params.n_ctx, params.n_parallel, params.n_gpu_layers = said["context"], 1, 0
        params.cache_prompt, params.cache_ram_mib, params.warmup, params.ui = False, 0, False, False
        params.n_threads_http, params.verbosity, params.port = 1, 0, 0
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._threads = str(said["threads"])
        self._server = xllamacpp.Server(params)
        ids = self._ids(str(self._get("/props").get("eos_token", "")))
        self._end = ids[-1] if ids else -1

    def observed(self, alone: bool) -> dict[str, Any]:
        """Return numerics and hardware as observed after loading."""
        module = self._module
        binary = Path(module.xllamacpp.__file__)
        build = module.BUILD_INFO
        devices = [str(one["name"]) for one in module.get_device_info()]
        flags = sorted(
            part.partition("=")[0].strip() for part in module.get_system_info().split("|") if part.strip().endswith("= 1")
        )
        numerics = {
            "engine": "llama.cpp",
            "engineVersion": f"xllamacpp {module.__version__}",
            "build": f"{build['compiler']}, {hashlib.sha256(binary.read_bytes()).hexdigest()}",
            "backend": "cpu",
            "arch": f"{platform.machine()} {' '.join(flags)}"[:300],
            "compute": "engine default",
            "kv": "f16",
            "attention": "plain",
            "batch": "one slot, no prompt cache",
            "parallel": "1",
            "determinism": "",
            "threads": self._threads,
        }
        hardware = {"devices": ", ".join(devices)[:300], "os": platform.system(), "network": "own" if alone else "shared"}
        return {"numerics": numerics, "hardware": hardware}

    def answer(self, said: dict[str, Any]) -> dict[str, Any]:
        """Return what llama.cpp's server answers, with the prompt as the model saw it and how long it took."""
        chat = "messages" in said
        # Everything that could shape the choice of tokens is named: the server's own defaults are no part of a suite.
        plain = {"top_k": 0, "min_p": 0.0, "typical_p": 1.0, "repeat_penalty": 1.0, "cache_prompt": False, "stream": False}
        body = plain | {"logprobs": True if chat else 1, "top_logprobs": 1, "verbose": True, "return_tokens": True} | said
        handle = self._server.handle_chat_completions if chat else self._server.handle_completions
        found = _object(handle(body))
        verbose = found.get("__verbose")
        spent = verbose.get("timings") if isinstance(verbose, dict) else None
        if isinstance(verbose, dict):
            _complete(found, verbose.get("tokens"))
        if isinstance(spent, dict):
            found["timings"] = {
                "prefill": [spent.get("prompt_n", 0), spent.get("prompt_ms", 0.0)],
                "decode": [spent.get("predicted_n", 0), spent.get("predicted_ms", 0.0)],
            }
        return found

    def force(self, said: dict[str, Any]) -> dict[str, Any]:
        """Return gap and log-probability of each token forced behind a prompt, the prompt as seen, and the tokens' text.

        as_said: tokens were computed as when they are generated; place by place they are read in other batches.
        """
        prompt, tokens = self._prompt(said), list(said["force"])
        found = self._by_grammar(prompt, tokens) if tokens else []
        forced, as_said = (self._by_place(prompt, tokens), False) if found is None else (found, True)
        shown = tokens[:-1] if tokens[-1:] == [self._end] else tokens
        told = {"gaps": [most - own for own, most in forced], "logprobs": [own for own, _ in forced], "as_said": as_said}
        return told | {"rendered": prompt, "text": str(self._post("/detokenize", {"tokens": shown})["content"])}

    def rank(self, said: dict[str, Any]) -> dict[str, Any]:
        """Return the log-probability of each text behind a prompt."""
        prompt = str(said["prompt"])
        # Spaces at the end belong to what follows: tokens begin with them.
        bare = prompt.rstrip(" ")
        context = self._ids(bare)
        found = []
        for choice in said["rank"]:
            whole = self._ids(bare + prompt[len(bare) :] + choice)
            tokens = whole[len(context) :]
            found.append(sum(own for own, _ in self._forced(whole[: len(context)], tokens)))
        return {"rendered": prompt, "logprobs": found}

    def peak(self) -> int:
        """Return bytes of a device's memory: none is used."""
        return 0

    def _prompt(self, said: dict[str, Any]) -> str:
        if "messages" not in said:
            return str(said["prompt"])
        return str(self._post("/apply-template", {"messages": said["messages"]})["prompt"])

    def _ids(self, text: str) -> list[int]:
        return list(self._post("/tokenize", {"content": text, "add_special": True, "parse_special": True})["tokens"])

    def _forced(self, prompt: str | list[int], tokens: list[int]) -> list[tuple[float, float]]:
        """Return for each forced token its log-probability and that of the likeliest one."""
        if not tokens:
            return []
        found = self._by_grammar(prompt, tokens)
        return self._by_place(prompt, tokens) if found is None else found

    def _by_grammar(self, prompt: str | list[int], tokens: list[int]) -> list[tuple[float, float]] | None:
        """Return what one pass tells of tokens, None if they cannot be said so."""
        # A grammar that is at its end leaves nothing but the end of the text: its token is not named.
        named = tokens[:-1] if tokens[-1] == self._end else tokens
        grammar = "root ::= " + (" ".join(f"<[{token}]>" for token in named) or '""')
        body = {"prompt": prompt, "max_tokens": len(tokens), "temperature": 0.0, "grammar": grammar, "ignore_eos": False}
        found = self.answer(body)
        listed = found["choices"][0]["logprobs"]["content"] if "choices" in found else []
        if [one["id"] for one in listed] != tokens:
            return None
        return [(float(one["logprob"]), float(one["top_logprobs"][0]["logprob"])) for one in listed]

    def _by_place(self, prompt: str | list[int], tokens: list[int]) -> list[tuple[float, float]]:
        """Return the same from the likeliest tokens of each place, behind all that was said before it."""
        before = self._ids(prompt) if isinstance(prompt, str) else list(prompt)
        plain = self._ids("a")[-1]  # a whole character: of a part of one the server tells nothing
        rows = []
        for token in tokens:
            body = {"prompt": before, "max_tokens": 1, "temperature": 0.0, "logit_bias": [[plain, _FORCE]], "logprobs": _LISTED}
            listed = self.answer(body)["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
            most, least = float(listed[0]["logprob"]), float(listed[-1]["logprob"])
            rows.append((next((float(one["logprob"]) for one in listed if one["id"] == token), least), most))
            before = [*before, token]
        return rows

    def _get(self, path: str) -> dict[str, Any]:
        return self._ask(urllib.request.Request(self._server.listening_address + path))  # noqa: S310 this process's own loopback

    def _post(self, path: str, said: dict[str, Any]) -> dict[str, Any]:
        where, kind = self._server.listening_address + path, {"content-type": "application/json"}
        return self._ask(urllib.request.Request(where, json.dumps(said).encode(), kind))  # noqa: S310 this process's own loopback

    def _ask(self, request: urllib.request.Request) -> dict[str, Any]:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=_SECONDS) as reply:
            return _object(reply.read(_MAX_REPLY))


def _complete(found: dict[str, Any], tokens: Any) -> None:
    """List all tokens of an answer where some were left out, without log-probabilities, which are not known of all."""
    try:
        content = found["choices"][0]["logprobs"]["content"]
    except (KeyError, IndexError, TypeError):
        return
    if isinstance(tokens, list) and [one["id"] for one in content] != tokens[: len(content)]:
        found["choices"][0]["logprobs"]["content"] = [{"id": token} for token in tokens]


def _object(found: Any) -> dict[str, Any]:
    return dict(found) if isinstance(found, dict) else dict(json.loads(found))


def load(said: dict[str, Any]) -> Llama:
    """Return the model that is named."""
    return Llama(said)
