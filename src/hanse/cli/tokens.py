"""`hanse admin token`: create, list, revoke."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from cyclopts import App, Parameter

from hanse.cli.admin import Json, Where, catalogue, day, show

token = App(name="token", help="Tokens: create, list, revoke.", default_parameter=Parameter(negative=()))


@token.command(name="create")
def create(
    name: Annotated[str, Parameter(help="User or organisation the token speaks for.")],
    /,
    *,
    label: Annotated[str, Parameter(help="What the token is for.")] = "token",
    role: Annotated[Literal["read", "write", "evaluate"], Parameter(help="What it allows.")] = "write",
    robot: Annotated[bool, Parameter(help="For a machine; organisations have only these.")] = False,
    days: Annotated[int | None, Parameter(help="Days until it expires; never if left out.")] = None,
    as_json: Json = False,
    where: Where | None = None,
) -> None:
    """Make a token and print it; it is not kept and cannot be shown again."""
    from hanse.clock import SystemClock
    from hanse.flows.accounts import create_token

    with catalogue(where) as db:
        ttl = None if days is None else days * 86400
        made, text = create_token(db, SystemClock(), name, label, role=role, robot=robot, ttl_seconds=ttl)
    if as_json:
        print(json.dumps({"id": made.id, "label": made.label, "role": made.role, "expires": day(made.expires_at), "token": text}))
    else:
        print(text)


@token.command(name="list")
def list_(name: str, /, *, as_json: Json = False, where: Where | None = None) -> None:
    """List the tokens of an account, without their text."""
    from hanse.db.accounts import list_tokens
    from hanse.flows.accounts import require_account

    with catalogue(where) as db, db.read() as conn:
        found = list_tokens(conn, require_account(conn, name).id)
    rows = [
        {
            "id": row.id,
            "label": row.label,
            "role": row.role,
            "robot": row.robot,
            "created": day(row.created_at),
            "expires": day(row.expires_at),
            "revoked": row.revoked,
        }
        for row in found
    ]
    show(rows, as_json=as_json)


@token.command(name="revoke")
def revoke(
    name: str,
    /,
    *,
    label: Annotated[str | None, Parameter(help="Revoke the tokens with this label.")] = None,
    number: Annotated[int | None, Parameter(name="--id", help="Revoke the token with this number.")] = None,
    where: Where | None = None,
) -> None:
    """Revoke tokens of an account; they stop working at once."""
    from hanse.flows.accounts import revoke_token

    with catalogue(where) as db:
        count = revoke_token(db, name, label=label, token_id=number)
    print(f"revoked {count}")
