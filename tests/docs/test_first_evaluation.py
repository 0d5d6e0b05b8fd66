"""docs/first-evaluation.md, typed as it stands: a real model in a real engine on a real node, and a policy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.services.clients import SMOLLM2_GGUF, client_hf, client_python
from tests.support.forked import Mother, forked_node

PAGE = (Path(__file__).parents[2] / "docs/first-evaluation.md").read_text(encoding="utf-8")
TYPED = re.findall(r"<!-- typed -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
TOLD = re.findall(r"<!-- told: (\w+) -->\n```\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_the_page_can_be_typed(mother: Mother, tmp_path: Path) -> None:
    """Every step succeeds in its order, the policy refuses until the record is logged, and what the page says is told is told."""
    assert (len(TYPED), len(TOLD)) == (6, 2)
    work = tmp_path / "work"
    (work / "smol").mkdir(parents=True)
    (tmp_path / "node").mkdir()
    shutil.copyfile(SMOLLM2_GGUF, work / "smol" / SMOLLM2_GGUF.name)
    (work / "engine").symlink_to(client_python("evals").parent.parent)
    tools = [str(client_hf("hub2").parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    with forked_node(mother, tmp_path / "node", environ={"HANSE_SETTLE_SECONDS": "1"}) as node:
        environ = node.client_env(tmp_path / "home", PATH=os.pathsep.join(tools), HANSE_HOME=str(node.folder))
        done = subprocess.run(
            ["bash", "-c", "set -eux\n" + "\n".join(TYPED)],
            cwd=work,
            env=environ,
            capture_output=True,
            text=True,
            timeout=580,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{node.log()}"
    for name, lines in TOLD:
        said = (work / name).read_text()
        assert all(line in said for line in lines.splitlines()), said
