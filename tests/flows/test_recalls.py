"""What this machine learnt about a revision since it was received."""

from __future__ import annotations

from pathlib import Path

from hanse.flows.pull.known import Known
from hanse.flows.recalls import recalls
from hanse.model.repo import Origin, RepoType, parse_repo_id
from hanse.store.held import Held

REV = "1" * 40


def test_a_recall_is_told_with_its_own_remedy(tmp_path: Path) -> None:
    """The line has what was learnt and when, and how to ask again; another commit id, or a store that is not there, has none."""
    repo = parse_repo_id(Origin("a.example"), RepoType.DATASET, "Org/Name")
    assert recalls(tmp_path / "none", repo, REV) == recalls(tmp_path / "none", None, "") == ()
    with Held.open(tmp_path / "held") as held:
        Known(held).recall(repo, REV, "advised: it leaks; to pass: lower it", 0)
        (line,) = recalls(tmp_path / "held", repo, REV)
        assert line.startswith("recalled: advised: it leaks, as was learnt here on 1970-01-01T00:00:00Z; to pass: use another")
        assert line.endswith(f"hanse pull Org/Name@{REV} --repo-type dataset")
        assert recalls(tmp_path / "held", repo, "2" * 40) == ()
