"""Operators' commands about accounts and tokens, run on a real catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hanse.cli.main import run
from hanse.clock import SystemClock
from hanse.db.engine import Database
from hanse.flows.accounts import authenticate, ensure_administrator
from hanse.flows.secrets import open_identity
from hanse.opening import database_url
from hanse.settings import from_machine

Hanse = Callable[..., str]


@pytest.fixture(name="data")
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a node that was started once."""
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    settings = from_machine({})
    settings.data.mkdir(mode=0o700)
    db = Database(database_url(settings))
    db.migrate()
    open_identity(settings.data, db, None)
    ensure_administrator(db, SystemClock(), None)
    db.close()
    return settings.data


@pytest.fixture(name="hanse")
def _hanse(data: Path, capsys: pytest.CaptureFixture[str]) -> Hanse:
    """Return a function that runs `hanse admin …`, requires success and returns what it printed."""

    def call(*arguments: str) -> str:
        assert run(["admin", *arguments, "--data", str(data)]) == 0, capsys.readouterr().err
        return capsys.readouterr().out.strip()

    return call


def actor_of(data: Path, token: str) -> str | None:
    """Return the name behind `token`, None if it is not valid."""
    db = Database(f"sqlite:///{data / 'hanse.db'}")
    try:
        actor = authenticate(db, SystemClock(), token)
    finally:
        db.close()
    return actor.name if actor else None


def test_users_are_added_and_listed(hanse: Hanse) -> None:
    """An added user appears in the list, as a table and as JSON."""
    hanse("user", "add", "Ada", "--fullname", "Ada L.")
    assert "Ada L." in hanse("user", "list")
    rows = json.loads(hanse("user", "list", "--json"))
    assert [(row["name"], row["admin"]) for row in rows] == [("Ada", False), ("admin", True)]


def test_a_token_works_until_revoked(hanse: Hanse, data: Path) -> None:
    """The printed token authenticates its user, is listed without its text, and stops working when revoked."""
    hanse("user", "add", "ada")
    text = hanse("token", "create", "ada", "--label", "laptop", "--role", "read")
    assert actor_of(data, text) == "ada"
    assert text not in hanse("token", "list", "ada")
    assert hanse("token", "revoke", "ada", "--label", "laptop") == "revoked 1"
    assert actor_of(data, text) is None


def test_a_token_may_expire(hanse: Hanse) -> None:
    """`--days` gives a token an end, which JSON shows."""
    hanse("user", "add", "ada")
    made = json.loads(hanse("token", "create", "ada", "--days", "7", "--json"))
    assert made["expires"].endswith("Z")
    assert made["token"].startswith("hf_")


def test_a_disabled_user_is_shut_out(hanse: Hanse, data: Path) -> None:
    """Disabling ends every token of a user; enabling brings them back."""
    hanse("user", "add", "ada")
    text = hanse("token", "create", "ada")
    hanse("user", "disable", "ada")
    assert actor_of(data, text) is None
    hanse("user", "enable", "ada")
    assert actor_of(data, text) == "ada"


def test_organisations_and_members(hanse: Hanse) -> None:
    """Members are set, listed and taken away."""
    hanse("user", "add", "ada")
    hanse("user", "add", "bob")
    hanse("org", "add", "uni", "--owner", "ada")
    hanse("org", "member", "uni", "bob", "--role", "read")
    assert json.loads(hanse("org", "member", "uni", "--json")) == [
        {"user": "ada", "role": "admin"},
        {"user": "bob", "role": "read"},
    ]
    hanse("org", "member", "uni", "bob", "--remove")
    assert "bob" not in hanse("org", "member", "uni")
    assert "uni" in hanse("org", "list")


def test_default_visibility_of_an_organisation(hanse: Hanse) -> None:
    """What new repositories are is public until it is set, and is shown."""
    hanse("org", "add", "uni")
    assert json.loads(hanse("org", "visibility", "uni", "--json")) == [{"organisation": "uni", "default": "public"}]
    hanse("org", "visibility", "uni", "private")
    assert "private" in hanse("org", "visibility", "uni")


def test_quota_is_shown_and_set(hanse: Hanse) -> None:
    """A quota takes units, 0 is unlimited, and `default` goes back to the node's."""
    hanse("user", "add", "ada")
    assert json.loads(hanse("quota", "ada", "2 GiB", "--json")) == [{"namespace": "ada", "used_bytes": 0, "quota_bytes": 2 << 30}]
    assert json.loads(hanse("quota", "ada", "default", "--json"))[0]["quota_bytes"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["user", "add", "../x"],
        ["user", "add", "api"],
        ["token", "create", "nobody"],
        ["quota", "admin", "much"],
        ["org", "member", "no"],
        ["org", "visibility", "admin", "private"],
    ],
)
def test_refusals_exit_with_1(arguments: list[str], data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name, account or size that is not acceptable is refused with a message, not a traceback."""
    assert run(["admin", *arguments, "--data", str(data)]) == 1
    assert ": " in capsys.readouterr().err


def test_no_node_is_said_plainly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An admin command never makes a node by mistake."""
    assert run(["admin", "user", "list", "--data", str(tmp_path / "nothing")]) == 1
    assert "there is no node in" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()
