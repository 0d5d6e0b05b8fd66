"""Accounts, memberships, tokens and claims in the catalogue, on both systems."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from hanse.db import accounts
from hanse.db.engine import Database
from hanse.db.schema import repos
from hanse.errors import Conflict
from hanse.model.digest import Sha256
from hanse.model.repo import Origin

NOW = 1_800_000_000
DIGEST = Sha256("ab" * 32)


def test_names_are_one_space_without_case(database: Database) -> None:
    """A user and an organisation cannot have names that differ only in case, and the refusal harms no transaction."""
    with database.write() as conn:
        alice = accounts.insert_account(conn, "Alice", "user", NOW, email="a@example.org")
        with pytest.raises(Conflict):
            accounts.insert_account(conn, "aLICE", "org", NOW)
        assert accounts.find_account(conn, "ALICE") == alice == accounts.get_account(conn, alice.id)
    assert (alice.name, alice.kind, alice.fullname, alice.email, alice.admin) == ("Alice", "user", "", "a@example.org", False)


def test_listing_pages_by_name(database: Database) -> None:
    """Accounts of one kind are listed by folded name, page after page."""
    with database.write() as conn:
        for name in ("bob", "Alice", "carol"):
            accounts.insert_account(conn, name, "user", NOW)
        accounts.insert_account(conn, "uni", "org", NOW)
        assert [account.name for account in accounts.list_accounts(conn, "user", limit=2)] == ["Alice", "bob"]
        assert [account.name for account in accounts.list_accounts(conn, "user", after="bob")] == ["carol"]


def test_membership_changes_and_ends(database: Database) -> None:
    """A user has one role in an organisation at a time; a disabled organisation gives none."""
    with database.write() as conn:
        user = accounts.insert_account(conn, "alice", "user", NOW)
        org = accounts.insert_account(conn, "Uni", "org", NOW)
        for role in ("read", "admin"):
            accounts.set_membership(conn, org.id, user.id, role)
        assert accounts.roles_of(conn, user.id) == {"uni": "admin"}
        assert accounts.list_memberships(conn, org_id=org.id) == [accounts.Membership(org, user, "admin")]
        assert accounts.list_memberships(conn, user_id=user.id) == [accounts.Membership(org, user, "admin")]
        accounts.update_account(conn, org.id, disabled=True)
        assert accounts.roles_of(conn, user.id) == {}
        accounts.set_membership(conn, org.id, user.id, None)
        assert accounts.list_memberships(conn, org_id=org.id) == []


def test_token_is_found_while_valid(database: Database) -> None:
    """A token is found by digest until it expires, is revoked or its account is disabled."""
    with database.write() as conn:
        user = accounts.insert_account(conn, "alice", "user", NOW)
        token = accounts.insert_token(conn, user.id, DIGEST, "laptop", "read", robot=False, now=NOW, expires_at=NOW + 10)
        assert accounts.find_token(conn, DIGEST, NOW + 9) == (token, user)
        assert accounts.find_token(conn, DIGEST, NOW + 10) is None
        assert accounts.find_token(conn, Sha256("cd" * 32), NOW) is None
        accounts.update_account(conn, user.id, disabled=True)
        assert accounts.find_token(conn, DIGEST, NOW) is None
        accounts.update_account(conn, user.id, disabled=False)
        assert accounts.revoke_tokens(conn, user.id, label="laptop") == 1
        assert accounts.revoke_tokens(conn, user.id, token_id=token.id) == 0
        assert accounts.find_token(conn, DIGEST, NOW) is None
        assert [known.revoked for known in accounts.list_tokens(conn, user.id)] == [True]


def test_a_digest_belongs_to_one_token(database: Database) -> None:
    """The same token text cannot speak for two accounts, until it was forgotten."""
    with database.write() as conn:
        alice, bob = (accounts.insert_account(conn, name, "user", NOW) for name in ("alice", "bob"))
        accounts.insert_token(conn, alice.id, DIGEST, "a", "write", robot=False, now=NOW, expires_at=None)
        with pytest.raises(Conflict):
            accounts.insert_token(conn, bob.id, DIGEST, "b", "write", robot=False, now=NOW, expires_at=None)
        accounts.delete_tokens(conn, alice.id, "a")
        accounts.insert_token(conn, bob.id, DIGEST, "b", "write", robot=False, now=NOW, expires_at=None)


def test_used_bytes_of_a_namespace(database: Database) -> None:
    """Bytes are summed over models and datasets of one namespace at one origin."""
    rows = [
        ("here.example", "model", "Alice", "a", 1),
        ("here.example", "dataset", "alice", "b", 2**40),
        ("there.example", "model", "alice", "c", 7),
        ("here.example", "model", "alice2", "d", 9),
    ]
    with database.write() as conn:
        for origin, kind, namespace, name, used in rows:
            conn.execute(
                insert(repos).values(
                    origin=origin,
                    type=kind,
                    namespace=namespace,
                    name=name,
                    namespace_folded=namespace.lower(),
                    state="live",
                    visibility="public",
                    created_at=NOW,
                    updated_at=NOW,
                    used_bytes=used,
                )
            )
        assert accounts.used_bytes(conn, Origin("here.example"), "ALICE") == 2**40 + 1
        assert accounts.used_bytes(conn, Origin("here.example"), "nobody") == 0


def test_claims_are_replaced(database: Database) -> None:
    """Only the claims of the last list hold."""
    first, second = Origin("a.example"), Origin("b.example")
    with database.write() as conn:
        accounts.replace_claims(conn, {"acme": first, "other": first})
        accounts.replace_claims(conn, {"acme": second})
        assert accounts.claimant(conn, "ACME") == second
        assert accounts.claimant(conn, "other") is None
        accounts.replace_claims(conn, {})
        assert accounts.claimant(conn, "acme") is None
