"""The program that runs a GGUF file in llama.cpp, by the package xllamacpp: a JSON line in for each request, one out.

It stands alone (standard library and xllamacpp), so that it runs in an environment of its own, and it is started by
`hanse.jobs.engine` only. The server inside listens on this machine's loopback; where the system grants a network of its own to a
process, that is an empty one. One slot, no prompt cache, no flash attention, f16 keys and values: a reference that every machine
has. Threads are as many as were asked for.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import platform
import resource
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any

_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_UP = 0x1
_SET_FLAGS = 0x8914
_DIE_WITH_PARENT = 1


def enclose() -> bool:
    """End with the parent, leave no core, and have a network of one's own with nothing but loopback; tell whether that holds."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getppid()
    alone = libc.unshare(_NEWUSER | _NEWNET) == 0
    libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)  # a new name space would undo it
    if os.getppid() != parent:
        os._exit(1)
    if not alone:
        return False
    import fcntl  # noqa: PLC0415 not everywhere

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
    return True


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

    def observed(self, *, alone: bool) -> dict[str, Any]:
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
        return {"numerics": numerics, "hardware": hardware | {"processor": _processor()}}

    def answer(self, said: dict[str, Any]) -> dict[str, Any]:
        """Return what llama.cpp's server answers, with the prompt as the model saw it."""
        chat = "messages" in said
        # Everything that could shape the choice of tokens is named: the server's own defaults are no part of a suite.
        plain = {"top_k": 0, "min_p": 0.0, "typical_p": 1.0, "repeat_penalty": 1.0, "cache_prompt": False, "stream": False}
        body = said | plain | {"logprobs": True if chat else 1, "top_logprobs": 1, "verbose": True, "return_tokens": True}
        handle = self._server.handle_chat_completions if chat else self._server.handle_completions
        found = handle(body)
        return dict(found) if isinstance(found, dict) else dict(json.loads(found))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()[:200]
    return next((line.partition(":")[2].strip()[:200] for line in lines if line.startswith("model name")), "")


def main() -> None:
    """Load the model named in the first line of standard input, then answer a line for each line."""
    # The library writes on standard output as it likes: answers go to a copy of it.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    alone = enclose()
    llama: Llama | None = None
    for line in sys.stdin:
        try:
            said = json.loads(line)
            if llama is None:
                llama = Llama(said)
                found = llama.observed(alone=alone)
            else:
                found = llama.answer(said)
        except Exception as error:  # noqa: BLE001 whatever it is, the other side is told
            found = {"failed": f"{type(error).__name__}: {error}"[:500]}
        out.write(json.dumps(found) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
