"""All files of a repository together."""

from __future__ import annotations

import json
import struct

import pytest

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.canonical import canonical
from hanse.model.finding import Coverage, RepositoryJudgement, Verdict
from hanse.scan import repository
from hanse.scan.dispatch import extract
from hanse.scan.repository import judge_repository
from hanse.scan.source import BytesSource
from hanse.scan.verdict import judge

MODEL = b"from .helper import x\nimport torch\n\nclass X(torch.nn.Module):\n    pass\n"


def tensors(size: int) -> bytes:
    """Return a safetensors file with one tensor of `size` bytes."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(size)


def index(*files: str, total: int = 4) -> bytes:
    """Return a shard index that names these files."""
    weight_map = {f"w{number}": name for number, name in enumerate(files)}
    return json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}).encode()


def judge_files(files: dict[str, bytes], name: str = "", digests: dict[str, str] | None = None) -> RepositoryJudgement:
    """Return the verdict on files."""
    facts = {path: extract(BytesSource(data)) for path, data in files.items()}
    return judge_repository(facts, builtin_ruleset(), name=name, digests=digests)


def judged(**files: bytes) -> RepositoryJudgement:
    """Return the verdict on files; `__` in a name stands for a dot."""
    return judge_files({path.replace("__", "."): data for path, data in files.items()})


def rules(found: RepositoryJudgement) -> set[str]:
    """Return the ids of the rules that apply."""
    return {one.rule for one in found.findings}


def test_code_is_followed() -> None:
    """A program named by auto_map is reached, and so is what it imports; others are not."""
    config = json.dumps({"model_type": "x", "auto_map": {"AutoModel": "modeling_x.X"}}).encode()
    found = judged(config__json=config, modeling_x__py=MODEL, helper__py=b"import os\nx = 1\n", train__py=b"import os\n")
    assert found.reached == ("helper.py", "modeling_x.py")
    assert rules(found) == {"REPO-CODE-REACHED"}
    assert found.verdict is Verdict.CAUTION


def test_programs_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """More programs than are followed are inconclusive and told; as many as are followed are not."""
    config = json.dumps({"model_type": "x", "auto_map": {"AutoModel": "modeling_x.X"}}).encode()
    files = {"config__json": config, "modeling_x__py": MODEL, "helper__py": b"import second\n", "second__py": b"x = 1\n"}
    monkeypatch.setattr(repository, "MAX_REACHED", 2)
    found = judged(**files)
    assert (found.coverage, rules(found)) == (Coverage.INCONCLUSIVE, {"REPO-CODE-REACHED", "LIMIT-REPOSITORY"})
    monkeypatch.setattr(repository, "MAX_REACHED", 3)
    assert (judged(**files).coverage, rules(judged(**files))) == (Coverage.COMPLETE, {"REPO-CODE-REACHED"})


def test_missing_code() -> None:
    """A module that is named and not there is said."""
    config = json.dumps({"model_type": "x", "auto_map": {"AutoModel": "modeling_x.X"}}).encode()
    assert rules(judged(config__json=config)) == {"REPO-CODE-MISSING"}


def test_dataset_script() -> None:
    """A script named as the repository is run by older libraries."""
    assert rules(judge_files({"data.py": b"import datasets\n"}, "data")) == {"REPO-DATASET-SCRIPT"}


def test_shards() -> None:
    """Index and shards have to be the same set, inside of the repository, of about the size that is said."""
    whole = {"model-00001-of-00002__safetensors": tensors(2), "model-00002-of-00002__safetensors": tensors(2)}
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    assert rules(judged(x__json=index(*names), **whole)) == set()
    assert rules(judged(x__json=index(*names, total=400), **whole)) == {"REPO-SHARD-SIZE"}
    assert rules(judged(x__json=index(names[0]), **whole)) == {"REPO-SHARD-EXTRA"}
    assert rules(judged(x__json=index(*names, "c.safetensors"), **whole)) == {"REPO-SHARD-MISSING"}
    assert rules(judged(x__json=index("../x.safetensors"))) == {"REPO-SHARD-OUTSIDE"}


def test_copies() -> None:
    """A program or pickle under a passive name is a copy with a purpose."""
    digests = {"a.txt": "1", "a.py": "1"}
    assert "REPO-LABEL" in rules(judge_files({"a.txt": MODEL, "a.py": MODEL}, "", digests))
    assert "REPO-LABEL" not in rules(judge_files({"a.txt": b"x", "b.txt": b"x"}, "", {"a.txt": "1", "b.txt": "1"}))


def test_pickle_only() -> None:
    """Weights only as pickle deserve a word; beside safetensors they do not."""
    pickle = b"\x80\x04}q\x00."
    assert rules(judged(pytorch_model__bin=pickle)) == {"REPO-PICKLE-ONLY"}
    assert rules(judged(pytorch_model__bin=pickle, model__safetensors=tensors(2))) == set()


def test_names() -> None:
    """Names that start programs, collide or hide a pointer are said."""
    assert rules(judged(sitecustomize__py=b"import os\n")) == {"REPO-STARTUP"}
    assert rules(judged(install__sh=b"echo\n")) == {"REPO-SCRIPT"}
    assert rules(judged(a__txt=b"a", A__txt=b"b")) == {"REPO-CASE"}
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    assert rules(judged(model__safetensors=pointer)) == {"REPO-POINTER"}


def test_own_verdicts_count() -> None:
    """The repository is no better than its files, and one form is one sequence of bytes."""
    facts = extract(BytesSource(b'import os\nos.system("echo hanse-test")\n'))
    own = judge(facts, "a.py", builtin_ruleset())
    found = judge_repository({"a.py": facts}, builtin_ruleset(), {"a.py": own})
    assert (found.verdict, found.coverage) == (Verdict.MALICIOUS, Coverage.COMPLETE)
    assert canonical(found.to_json()) == canonical(judge_repository({"a.py": facts}, builtin_ruleset(), {"a.py": own}).to_json())


def test_words_are_no_program() -> None:
    """A list of words under two names is no program under a false label, though each line is an expression."""
    data = b"alpha\nbeta\ngamma\n"
    assert "REPO-LABEL" not in rules(judge_files({"vocab.txt": data, "vocab": data}, digests={"vocab.txt": "a", "vocab": "a"}))
