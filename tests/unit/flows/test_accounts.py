"""Making accounts and tokens, authenticating, quotas and claims, on both systems."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from sqlalchemy import URL, insert, select

from hanse.db.accounts import list_tokens, update_account
from hanse.db.engine import Database
from hanse.db.schema import repos, tokens
from hanse.errors import BadRepoId, BadSetting, Conflict, InputError, NotFoundError, QuotaExceeded
from hanse.flows import accounts
from hanse.flows.accounts import (
    RESERVED_NAMES,
    actor_of,
    authenticate,
    create_org,
    create_token,
    create_user,
    ensure_administrator,
    identify,
    require_quota,
    require_unclaimed,
    revoke_token,
    set_claims,
    set_disabled,
    set_member,
    set_quota,
    whoami,
)
from hanse.model.limits import Limits
from hanse.model.repo import Origin

HERE = Origin("here.example")
CHOSEN = "chosen-by-the-operator"


@dataclass
class Time:
    """A clock that stands still unless it is moved."""

    seconds: int = 1_800_000_000

    def now(self) -> int:
        """Return the set time."""
        return self.seconds


@pytest.fixture(name="clock")
def _clock() -> Time:
    """Return a clock that the test moves."""
    return Time()


def test_token_speaks_for_its_user(database: Database, clock: Time) -> None:
    """A token's actor has the user's name, the token's role and his roles in organisations."""
    user = create_user(database, clock, "Alice")
    create_org(database, clock, "Uni", owner="alice")
    _, text = create_token(database, clock, "ALICE", "laptop", role="write")
    actor = authenticate(database, clock, text)
    assert actor is not None
    assert (actor.account_id, actor.name, actor.admin, actor.role) == (user.id, "Alice", False, "write")
    assert actor.may_administer("uni")
    assert actor.may_write("alice")
    assert not actor.belongs("other")


def test_token_text_has_the_known_form(database: Database, clock: Time) -> None:
    """A token is `hf_` and 34 letters or digits, never the same twice."""
    texts = {accounts.new_token_text() for _ in range(100)}
    assert len(texts) == 100
    assert all(re.fullmatch(r"hf_[A-Za-z0-9]{34}", text) for text in texts)


def test_token_text_is_not_kept(database: Database, clock: Time) -> None:
    """No column of the catalogue holds a token's text."""
    create_user(database, clock, "alice")
    _, text = create_token(database, clock, "alice", "laptop")
    with database.read() as conn:
        assert all(text not in str(value) for row in conn.execute(select(tokens)) for value in row)


def test_read_token_changes_nothing(database: Database, clock: Time) -> None:
    """A read token sees what its user sees and may write nowhere."""
    create_user(database, clock, "alice")
    _, text = create_token(database, clock, "alice", "ci", role="read")
    actor = authenticate(database, clock, text)
    assert actor is not None
    assert actor.belongs("alice")
    assert not actor.may_write("alice")


def test_expired_revoked_and_disabled_are_nobody(database: Database, clock: Time) -> None:
    """A token stops at its expiry, when it is revoked, and while its account is disabled, all at once."""
    create_user(database, clock, "alice")
    _, short = create_token(database, clock, "alice", "short", ttl_seconds=60)
    _, long = create_token(database, clock, "alice", "long")
    clock.seconds += 59
    assert authenticate(database, clock, short) is not None
    clock.seconds += 1
    assert authenticate(database, clock, short) is None
    set_disabled(database, "alice", disabled=True)
    assert authenticate(database, clock, long) is None
    set_disabled(database, "alice", disabled=False)
    assert authenticate(database, clock, long) is not None
    assert revoke_token(database, "alice", label="long") == 1
    assert authenticate(database, clock, long) is None
    with pytest.raises(NotFoundError):
        revoke_token(database, "alice", label="long")


@pytest.mark.parametrize("text", ["", "hf_", "hf_" + "x" * 34, "ü" * 20, "x" * 100_000, "'; DROP TABLE tokens", "a\0b"])
def test_foreign_texts_are_nobody(database: Database, clock: Time, text: str) -> None:
    """A text that is no token of this node is nobody, whatever it holds."""
    assert authenticate(database, clock, text) is None


def test_robot_of_an_organisation(database: Database, clock: Time) -> None:
    """An organisation's robot token acts as the organisation and nowhere else."""
    create_org(database, clock, "uni")
    with pytest.raises(InputError, match="robot"):
        create_token(database, clock, "uni", "ci")
    _, text = create_token(database, clock, "uni", "ci", robot=True)
    actor = authenticate(database, clock, text)
    assert actor is not None
    assert actor.may_write("Uni")
    assert not actor.belongs("other")


def test_robot_never_operates_the_node(database: Database, clock: Time) -> None:
    """A node operator gets no robot token, and a user's robot token stays without his later rights."""
    create_user(database, clock, "boss", admin=True)
    with pytest.raises(InputError, match="operator"):
        create_token(database, clock, "boss", "ci", robot=True)
    user = create_user(database, clock, "alice")
    _, text = create_token(database, clock, "alice", "ci", robot=True)
    with database.write() as conn:
        update_account(conn, user.id, admin=True)
    actor = authenticate(database, clock, text)
    assert actor is not None
    assert not actor.admin


@pytest.mark.parametrize(
    ("role", "label", "ttl"),
    [("admin", "x", None), ("write", "", None), ("write", "x" * 97, None), ("write", "a\nb", None), ("read", "x", 0)],
)
def test_bad_tokens_are_not_made(database: Database, clock: Time, role: str, label: str, ttl: int | None) -> None:
    """Unknown roles, labels out of bounds and lives of no length are refused."""
    create_user(database, clock, "alice")
    with pytest.raises(InputError):
        create_token(database, clock, "alice", label, role=role, ttl_seconds=ttl)


def test_actor_of_an_account(database: Database, clock: Time) -> None:
    """What derives from a token has the account's rights of now, and none once the account is disabled."""
    user = create_user(database, clock, "alice")
    create_org(database, clock, "uni")
    set_member(database, "uni", "alice", "write")
    with database.read() as conn:
        actor = actor_of(conn, user.id, "write")
        assert actor is not None
        assert actor.may_write("uni")
        assert actor_of(conn, 4711, "write") is None
    set_disabled(database, "alice", disabled=True)
    with database.read() as conn:
        assert actor_of(conn, user.id, "write") is None


def test_whoami(database: Database, clock: Time) -> None:
    """A user learns his account, the token he used, and his organisations with roles."""
    create_user(database, clock, "alice", fullname="Alice A.", email="a@example.org")
    create_org(database, clock, "Uni", fullname="University", owner="alice")
    token, text = create_token(database, clock, "alice", "laptop", role="read")
    profile = whoami(database, clock, text)
    assert profile is not None
    assert profile.identity.account.fullname == "Alice A."
    assert profile.identity.token == token
    assert [(member.org.name, member.role) for member in profile.organisations] == [("Uni", "admin")]
    assert whoami(database, clock, "hf_other") is None


@pytest.mark.parametrize("name", [*sorted(RESERVED_NAMES)[:5], "API", "Datasets", "admin", "ADMIN", "o", "v1"])
def test_reserved_names(database: Database, clock: Time, name: str) -> None:
    """Nobody registers a name that is a path of the node, nor the administrator's."""
    with pytest.raises(Conflict, match="reserved"):
        create_user(database, clock, name)


@pytest.mark.parametrize("name", ["", "a/b", "../x", "-a", "a b", "ä", "x" * 97, "a--b", "x.git", "a\n"])
def test_bad_names(database: Database, clock: Time, name: str) -> None:
    """A name that could not stand in a repository id is refused."""
    with pytest.raises(BadRepoId):
        create_org(database, clock, name)


def test_failed_org_leaves_nothing(database: Database, clock: Time) -> None:
    """An organisation whose owner does not exist is not made either."""
    with pytest.raises(NotFoundError):
        create_org(database, clock, "uni", owner="nobody")
    create_user(database, clock, "uni")


def test_membership_needs_user_and_organisation(database: Database, clock: Time) -> None:
    """Only users join organisations, in known roles."""
    create_user(database, clock, "alice")
    create_org(database, clock, "uni")
    with pytest.raises(NotFoundError):
        set_member(database, "alice", "alice", "read")
    with pytest.raises(NotFoundError):
        set_member(database, "uni", "uni", "read")
    with pytest.raises(InputError):
        set_member(database, "uni", "alice", "owner")


def test_first_start_makes_the_administrator(database: Database, clock: Time) -> None:
    """The first start shows a working token once; later starts show nothing and change nothing."""
    text = ensure_administrator(database, clock, None)
    assert text is not None
    actor = authenticate(database, clock, text)
    assert actor is not None
    assert (actor.name, actor.admin, actor.role) == ("admin", True, "write")
    assert ensure_administrator(database, clock, None) is None
    assert authenticate(database, clock, text) == actor


def test_configured_token_is_adopted_and_rotated(database: Database, clock: Time) -> None:
    """The setting's text is the token, replaces the one before, may return, and outlives the setting."""
    first = ensure_administrator(database, clock, None)
    assert first is not None
    for text in (CHOSEN, CHOSEN + "-2", CHOSEN, CHOSEN):
        assert ensure_administrator(database, clock, text) is None
        valid = [known for known in (first, CHOSEN, CHOSEN + "-2") if authenticate(database, clock, known)]
        assert valid == [text]
    assert ensure_administrator(database, clock, None) is None
    assert authenticate(database, clock, CHOSEN) is not None


def test_configured_token_at_the_first_start(database: Database, clock: Time) -> None:
    """With the setting the first start makes no other token and shows none."""
    assert ensure_administrator(database, clock, CHOSEN) is None
    identity = identify(database, clock, CHOSEN)
    assert identity is not None
    with database.read() as conn:
        assert len(list_tokens(conn, identity.account.id)) == 1


@pytest.mark.parametrize(
    "text", ["short", "x" * 513, "with spaces in the token", "ümlaut-umlaut-umlaut", "line\nbreak-line-break"]
)
def test_bad_configured_tokens(database: Database, clock: Time, text: str) -> None:
    """A setting that could not be sent in a header, or is easy to guess, is refused without repeating it."""
    with pytest.raises(BadSetting) as refusal:
        ensure_administrator(database, clock, text)
    assert text not in str(refusal.value)


def test_configured_token_of_another_account(database: Database, clock: Time) -> None:
    """The administrator does not take over a text that is somebody's token."""
    create_user(database, clock, "alice")
    _, text = create_token(database, clock, "alice", "laptop")
    with pytest.raises(BadSetting, match="another account"):
        ensure_administrator(database, clock, text)


def test_processes_that_start_together(database_url: URL, clock: Time) -> None:
    """Of several first starts at once one shows a token, and it works."""

    def start(_number: int) -> str | None:
        database = Database(database_url)
        text = ensure_administrator(database, clock, None)
        database.close()
        return text

    with ThreadPoolExecutor(4) as pool:
        (shown,) = [text for text in pool.map(start, range(4)) if text is not None]
    database = Database(database_url)
    assert authenticate(database, clock, shown) is not None
    database.close()


def _repo(database: Database, used: int) -> None:
    with database.write() as conn:
        conn.execute(
            insert(repos).values(
                origin=HERE,
                type="model",
                namespace="alice",
                name="m",
                namespace_folded="alice",
                state="live",
                visibility="public",
                created_at=0,
                updated_at=0,
                used_bytes=used,
            )
        )


def test_quota(database: Database, clock: Time) -> None:
    """A namespace may use exactly its quota; its own setting counts before the default, 0 means unlimited."""
    create_user(database, clock, "alice")
    _repo(database, 900)
    default = Limits(default_quota_bytes=1000)
    with database.read() as conn:
        require_quota(conn, Limits(), HERE, "alice", 10**15)
        require_quota(conn, default, HERE, "Alice", 100)
        require_quota(conn, default, Origin("other.example"), "alice", 1000)
        with pytest.raises(QuotaExceeded, match="alice"):
            require_quota(conn, default, HERE, "alice", 101)
    set_quota(database, "alice", 2000)
    with database.read() as conn:
        require_quota(conn, default, HERE, "alice", 1100)
        with pytest.raises(QuotaExceeded):
            require_quota(conn, default, HERE, "alice", 1101)
    set_quota(database, "alice", 0)
    with database.read() as conn:
        require_quota(conn, default, HERE, "alice", 10**15)
    with pytest.raises(InputError):
        set_quota(database, "alice", -1)


def test_claimed_namespaces(database: Database, clock: Time) -> None:
    """In a namespace that another origin answers for nothing is made here, and a claim on an account's name is refused."""
    create_user(database, clock, "alice")
    with pytest.raises(BadSetting, match="alice"):
        set_claims(database, {"Alice": Origin("other.example")})
    set_claims(database, {"Acme": Origin("models.acme.example")})
    with pytest.raises(Conflict, match=r"models\.acme\.example"):
        create_org(database, clock, "ACME")
    with database.read() as conn:
        require_unclaimed(conn, "alice")
        with pytest.raises(Conflict):
            require_unclaimed(conn, "acme")
