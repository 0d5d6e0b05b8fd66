"""A Hub-shaped origin as mirrors see it."""

from __future__ import annotations

from tests.support.upstreams import FILES, NAME, changed, upstream

from hanse.flows.mirror.hubs import address_of
from hanse.model.digest import GitOid
from hanse.model.repo import RepoType

MODEL = RepoType.MODEL


def test_what_an_origin_says() -> None:
    """Commit, files, refs and history come as claims; its name is host and port, and the public hub has a short one."""
    with upstream() as (origin, hub):
        first = origin.repo(NAME).refs["refs/heads/main"]
        last = origin.commit(NAME, changed(a_txt=b"a"))
        info = hub.info(MODEL, NAME, "main")
        assert (info.path, info.rev, info.gated, info.private) == (NAME, last, False, False)
        assert {pin.path for pin in hub.tree(MODEL, NAME, GitOid(first))} == FILES.keys()
        assert hub.refs(MODEL, NAME) == {"refs/heads/main": last}
        listed = hub.commits(MODEL, NAME, "main", 10)
        assert [one.rev for one in listed] == [last, first]
        assert listed[0].time > 0
        assert len(hub.commits(MODEL, NAME, "main", 1)) == 1
        assert (hub.url, hub.origin) == (origin.url, f"127.0.0.1-{origin.port}")
    assert address_of("huggingface") == "https://huggingface.co"
    assert address_of("http://x") == "http://x"
