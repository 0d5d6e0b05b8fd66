#!/usr/bin/env bash
# What a machine with an accelerator has, and, where PyTorch and transformers are there, one answer of a small random model by the
# engine program: run by hand on a lent machine, from the root of the repository, offline. Results go to $OUT.
set -u
out="${OUT:-/tmp}/gpu.txt"
{
  uname -srm
  nvidia-smi 2>&1 || rocm-smi 2>&1 || true
  for python in python3 python3.11 python3.12 python3.13 /opt/conda/bin/python; do
    command -v "$python" >/dev/null || continue
    "$python" - <<'PY'
import importlib, sys
print(sys.executable, sys.version.split()[0])
for name in ("torch", "transformers", "safetensors", "tokenizers", "accelerate", "gguf", "xllamacpp", "numpy"):
    try:
        module = importlib.import_module(name)
        print(" ", name, getattr(module, "__version__", "?"))
    except Exception as error:
        print(" ", name, "missing:", type(error).__name__)
try:
    import torch
    print("  cuda", torch.cuda.is_available(), torch.version.cuda, torch.version.hip)
except Exception:
    pass
PY
    "$python" tests/device/gpu_engine.py "$python" || true
  done
  python3 - <<'PY'
import runpy
meter = runpy.run_path("src/hanse/jobs/energy.py")["Meter"]()
import time
time.sleep(1)
print("energy in a second:", meter.joules())
PY
} >"$out" 2>&1
cat "$out"
