"""Rights: what a caller may do depends on the token's role and on the namespace."""

from __future__ import annotations

import pytest

from hanse.model.actor import ANONYMOUS, Actor

ADA = Actor(account_id=1, name="Ada", role="write", orgs={"uni": "contributor", "lab": "admin", "club": "read"})


def test_anonymous_may_nothing() -> None:
    """Without a token nothing is written and no namespace is one's own."""
    assert ANONYMOUS.anonymous
    assert not any([ANONYMOUS.belongs("ada"), ANONYMOUS.may_write("ada"), ANONYMOUS.may_contribute("ada")])


def test_own_namespace_in_any_case() -> None:
    """A user administers his own namespace, however it is spelled."""
    assert ADA.belongs("ADA")
    assert ADA.may_administer("ada")


@pytest.mark.parametrize(
    ("org", "belongs", "contributes", "writes", "administers"),
    [
        ("uni", True, True, False, False),
        ("lab", True, True, True, True),
        ("club", True, False, False, False),
        ("other", False, False, False, False),
    ],
)
def test_roles_in_organisations(org: str, belongs: bool, contributes: bool, writes: bool, administers: bool) -> None:
    """Each role in an organisation includes the ones below it and nothing above."""
    got = (ADA.belongs(org), ADA.may_contribute(org), ADA.may_write(org), ADA.may_administer(org))
    assert got == (belongs, contributes, writes, administers)


def test_a_read_token_writes_nothing() -> None:
    """A token made for reading cannot write, whoever owns it."""
    reader = Actor(account_id=1, name="Ada", admin=True, role="read")
    assert not reader.may_write("ada")
    assert not reader.may_administer("ada")
