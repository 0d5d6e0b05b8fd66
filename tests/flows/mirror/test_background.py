"""The background does each thing once, survives failures, and ends when told."""

from __future__ import annotations

from tests.support.upstreams import NAME, upstream

from hanse.flows.mirror.background import Completing
from hanse.flows.mirror.intake import Options
from hanse.flows.mirror.rows import find_mirror
from hanse.flows.node import Node
from hanse.model.repo import Origin, RepoId, RepoType

MODEL = RepoType.MODEL


def test_each_once(lite: Node) -> None:
    """What is wanted twice is looked at once; what fails does not keep the next from being done."""
    with upstream() as (origin, hub):
        completing = Completing(lite, hub, Options(), delay=0.05)
        assert completing.want(MODEL, "org/none", "main")
        assert completing.want(MODEL, NAME, "main")
        assert not completing.want(MODEL, NAME.upper(), "main")
        assert completing.wait(60)
        assert not completing.want(MODEL, NAME, "main")
        completing.close()
        completing.close()
        found = find_mirror(lite, RepoId(Origin(hub.origin), MODEL, *NAME.split("/")))
        assert found is not None
        assert found.head == origin.repo(NAME).refs["refs/heads/main"]
