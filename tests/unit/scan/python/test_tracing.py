"""Names and values followed through a program."""

from __future__ import annotations

import pytest

from hanse.scan.budget import Budget, limits_for
from hanse.scan.python.lexer import Lexer
from hanse.scan.python.statements import Program
from hanse.scan.python.tracing import Tracer
from hanse.scan.python.values import Trace


def traced(text: str) -> Trace:
    """Return what a program calls."""
    budget = Budget(limits_for(1000))
    program = Program(Lexer(text.encode(), budget.spend))
    assert program.read()
    return Tracer(program, budget).run()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import os as o\no.system(x)", "os.system"),
        ("from os import system as s\nt = s\nt(x)", "os.system"),
        ("class A:\n  def __init__(self):\n    import os\n    self.o = os\n  def f(self):\n    self.o.system(x)", "os.system"),
        ("f = getattr(__import__('os'), 'system')\nf(x)", "os.system"),
        ("import sys\nsys.modules['os'].system(x)", "os.system"),
        ("import socket\ns = socket.socket()\ns.connect(x)", "socket.socket().connect"),
        ("def f():\n  import os\n  return os\nf().system(x)", "os.system"),
        ("import os\na, b = os.system, 1\na(x)", "os.system"),
        ("import builtins\nbuiltins.exec(x)", "exec"),
        ("import os\n(os.system if x else print)(y)", "os.system"),
    ],
)
def test_names(text: str, name: str) -> None:
    """A callable is found under whatever name it is called."""
    assert name in {one.name for one in traced(text).calls}


@pytest.mark.parametrize(
    "text",
    [
        "import base64\nexec(base64.b64decode(x))",
        "import base64\ny = base64.b64decode(x)\nif y: y = 'a'\nexec(y)",
        "import base64\ndef f(p):\n  exec(p)\nf(base64.b64decode(x))",
        "import base64\ndef f():\n  return base64.b64decode(x)\nexec(f().decode() + 'a')",
        "import base64\nclass A:\n  x = base64.b64decode(y)\n  def f(self):\n    exec(self.x)",
        "import base64\nfor c in [base64.b64decode(x)]:\n  exec(c)",
    ],
)
def test_labels(text: str) -> None:
    """Where a value came from stays known through variables, functions and attributes."""
    (call,) = (one for one in traced(text).calls if one.name == "exec")
    assert "decoded" in call.labels
