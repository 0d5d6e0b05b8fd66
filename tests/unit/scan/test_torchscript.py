"""TorchScript source: names are found where the interpreter finds them, not in strings and comments."""

from __future__ import annotations

import pytest
from tests.samples.archive import torch_zip
from tests.samples.zipcraft import archive
from tests.support.judging import judged, rules_of

from hanse.scan.torchscript import names


def _rules(source: str) -> set[str]:
    return rules_of(judged(archive(*torch_zip(**{"code__m.py": source.encode()})), "a.pt"))


def test_names() -> None:
    """Operators, methods and definitions come out; spaces around dots do not hide them."""
    source = 'def f(x):\n  # torch.save\n  a = "ops.x.y"\n  b = torch . add(x, 1)\n  return ops.aten.mul(b, x).sum().view (1)\n'
    assert list(names(source)) == ["def f", "torch.add", "ops.aten.mul", ".sum", ".view"]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("torch.relu(x)", None),
        ("ops.torchvision.nms(x)", None),
        ("self.conv.forward(x)", None),
        ("torch.save(x, 'f')", "TORCHSCRIPT-FILE-OPERATOR"),
        ("ops.aten.from_file('f')", "TORCHSCRIPT-FILE-OPERATOR"),
        ("x.save('f')", "TORCHSCRIPT-FILE-OPERATOR"),
        ("a = torch", "TORCHSCRIPT-ALIAS"),
        ("a = ops.aten", "TORCHSCRIPT-ALIAS"),
        ("ops.mine.f(x)", "TORCHSCRIPT-CUSTOM-OPERATOR"),
    ],
)
def test_operators(line: str, rule: str | None) -> None:
    """File operators are found in each way of writing them; ordinary operators and those of known libraries pass."""
    assert _rules(f"def f(self, x):\n  {line}\n") == ({rule} if rule else set())


def test_own_methods_may_have_any_name() -> None:
    """A method that the model defines is not the operator of that name."""
    assert _rules("def save(self, x):\n  return x\ndef f(self, x):\n  return self.save(x)\n") == set()


def test_too_many_names_are_inconclusive() -> None:
    """A source with more names than are kept is not judged as if it had been read."""
    found = judged(archive(*torch_zip(**{"code__m.py": b"".join(b"torch.a%d()\n" % number for number in range(1200))})), "a.pt")
    assert [gap.reason for gap in found.gaps] == ["text"]
