"""`hanse admin user`, `org` and `quota`."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter

from hanse.cli.admin import Json, Where, catalogue, day, show

user = App(name="user", help="Users: add, list, disable, enable.", default_parameter=Parameter(negative=()))
org = App(name="org", help="Organisations and their members: add, list, member.", default_parameter=Parameter(negative=()))
Fullname = Annotated[str, Parameter(help="Name shown beside the account's.")]


@user.command(name="add")
def add_user(
    name: str,
    /,
    *,
    fullname: Fullname = "",
    email: Annotated[str | None, Parameter(help="Shown to nobody but the user and the node's operator.")] = None,
    admin: Annotated[bool, Parameter(help="Make the user an operator of this node.")] = False,
    where: Where | None = None,
) -> None:
    """Register a user. Give him a token with `hanse admin token create`."""
    from hanse.clock import SystemClock
    from hanse.flows.accounts import create_user

    with catalogue(where) as db:
        created = create_user(db, SystemClock(), name, fullname=fullname, email=email, admin=admin)
    print(f"user {created.name}")


@user.command(name="list")
def list_users(*, as_json: Json = False, where: Where | None = None) -> None:
    """List the users."""
    _list("user", where, as_json=as_json)


@user.command(name="disable")
def disable_user(name: str, /, *, where: Where | None = None) -> None:
    """Shut an account out at once; its repositories stay."""
    _disable(name, where, disabled=True)


@user.command(name="enable")
def enable_user(name: str, /, *, where: Where | None = None) -> None:
    """Let a disabled account in again."""
    _disable(name, where, disabled=False)


@org.command(name="add")
def add_org(
    name: str,
    /,
    *,
    fullname: Fullname = "",
    owner: Annotated[str | None, Parameter(help="User who becomes its first administrator.")] = None,
    where: Where | None = None,
) -> None:
    """Register an organisation."""
    from hanse.clock import SystemClock
    from hanse.flows.accounts import create_org

    with catalogue(where) as db:
        created = create_org(db, SystemClock(), name, fullname=fullname, owner=owner)
    print(f"organisation {created.name}")


@org.command(name="list")
def list_orgs(*, as_json: Json = False, where: Where | None = None) -> None:
    """List the organisations."""
    _list("org", where, as_json=as_json)


@org.command(name="member")
def member(
    organisation: str,
    name: Annotated[str | None, Parameter(help="User; without one, the members are listed.")] = None,
    /,
    *,
    role: Annotated[Literal["read", "contributor", "write", "admin"], Parameter(help="What the member may do.")] = "write",
    remove: Annotated[bool, Parameter(help="Take the membership away.")] = False,
    as_json: Json = False,
    where: Where | None = None,
) -> None:
    """List an organisation's members, or set or take away a user's membership."""
    from hanse.db.accounts import list_memberships
    from hanse.flows.accounts import require_account, set_member

    with catalogue(where) as db:
        if name is not None:
            set_member(db, organisation, name, None if remove else role)
        with db.read() as conn:
            rows = list_memberships(conn, org_id=require_account(conn, organisation, "org").id)
    show([{"user": row.user.name, "role": row.role} for row in rows], as_json=as_json)


@org.command(name="visibility")
def visibility(
    organisation: str,
    default: Annotated[Literal["public", "private"] | None, Parameter(help="What new repositories shall be.")] = None,
    /,
    *,
    as_json: Json = False,
    where: Where | None = None,
) -> None:
    """Show or set what an organisation's new repositories are unless their creator says otherwise."""
    from hanse.flows.accounts import require_account, set_default_visibility

    with catalogue(where) as db:
        if default is not None:
            set_default_visibility(db, organisation, private=default == "private")
        with db.read() as conn:
            account = require_account(conn, organisation, "org")
    show([{"organisation": account.name, "default": "private" if account.default_private else "public"}], as_json=as_json)


def quota(
    namespace: str,
    size: Annotated[str | None, Parameter(help="Such as '200 GiB'; 0 is unlimited, 'default' the node's default.")] = None,
    /,
    *,
    as_json: Json = False,
    where: Where | None = None,
) -> None:
    """Show what a namespace stores and may store, or set its quota."""
    from hanse.db.accounts import used_bytes
    from hanse.db.state import get_state
    from hanse.flows.accounts import require_account, set_quota
    from hanse.model.repo import parse_origin
    from hanse.settings import parse_size

    with catalogue(where) as db:
        if size is not None:
            set_quota(db, namespace, None if size == "default" else parse_size(size))
        with db.read() as conn:
            account = require_account(conn, namespace)
            used = used_bytes(conn, parse_origin(get_state(conn)["origin"]), namespace)
    show([{"namespace": account.name, "used_bytes": used, "quota_bytes": account.quota_bytes}], as_json=as_json)


def _list(kind: str, where: Where | None, *, as_json: bool) -> None:
    from hanse.db.accounts import Account, list_accounts

    found: list[Account] = []
    with catalogue(where) as db, db.read() as conn:
        while page := list_accounts(conn, kind, after=found[-1].name.lower() if found else ""):
            found += page
    rows = [
        {"name": row.name, "fullname": row.fullname, "admin": row.admin, "disabled": row.disabled, "created": day(row.created_at)}
        for row in found
    ]
    show(rows, as_json=as_json)


def _disable(name: str, where: Where | None, *, disabled: bool) -> None:
    from hanse.flows.accounts import set_disabled

    with catalogue(where) as db:
        set_disabled(db, name, disabled=disabled)
    print(f"{name} is {'disabled' if disabled else 'enabled'}")
