"""Static sites as places; reading from one is proved in tests/flows/static."""

from __future__ import annotations

import pytest

from hanse.errors import InputError, NotFoundError
from hanse.model.digest import EMPTY_XET, GitOid
from hanse.model.filepin import FilePin
from hanse.peers.bulk import BulkClient
from hanse.peers.staticplace import StaticPlace


def test_what_needs_no_site() -> None:
    """A file whose Xet hash nobody has said cannot be named to a site, an empty one need not be."""
    client = BulkClient()
    place = StaticPlace(client, "http://127.0.0.1:1/bucket/site/")
    unknown = FilePin("a", 5, GitOid("a" * 40), lfs=False)
    assert place.name == "127.0.0.1:1/bucket/site"
    assert place.chunk_list(unknown) is None
    with pytest.raises(NotFoundError):
        list(place.read(unknown, 0, 5))
    assert list(place.read(FilePin("a", 0, GitOid("a" * 40), lfs=False, xet=EMPTY_XET), 0, 0)) == []
    with pytest.raises(InputError):
        StaticPlace(client, "127.0.0.1")
    client.close()
