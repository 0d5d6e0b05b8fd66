"""Files that a caller names behind an address: attested by a member whom the caller believes, or no more than a claim."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from hanse.cli.evaluating import Named, Running, api_key, engine_of, name_at
from hanse.clock import SystemClock
from hanse.errors import BadFormat, HanseError, PeerDown

if TYPE_CHECKING:
    from hanse.evals.engine import Engine
    from hanse.flows.evaluate.attested import Believed
    from hanse.flows.evaluate.run import Order
    from hanse.model.digest import Sha256
    from hanse.peers.attested import Attested, AttestedEndpoint


@contextmanager
def bound_to(found: Named, order: Order, chosen: Running) -> Iterator[tuple[Order, Engine]]:
    """Give the order and the engine of a run: bound to an attestation, or claimed, and why is printed on standard error.

    Raises what speaks against the attestation where the caller named the key that it is to be by.
    """
    from hanse.flows.evaluate.attested import keep, runner_of
    from hanse.flows.evaluate.runfolder import keep_suite
    from hanse.flows.evaluate.subject import bound

    try:
        engine = _attested(found, chosen)
    except PeerDown:
        raise
    except HanseError as error:
        if chosen.attested_by is not None:
            raise
        print(f"weights are claimed, not bound: {_why(error)}", file=sys.stderr)
        with engine_of(found.subject, chosen) as plain:
            yield order, plain
        return
    with closing(engine):
        keep_suite(order.folder, order.suite)
        keep(order.folder, engine.attested)
        yield replace(order, subject=bound(found.subject), attested=runner_of(engine.attested)), engine


def _attested(found: Named, chosen: Running) -> AttestedEndpoint:
    from hanse.peers.attested import AttestedEndpoint

    check = partial(_checked, found.subject.tree, _believed(found, chosen))
    return AttestedEndpoint(chosen.api, name_at(found.subject, chosen), check, key=api_key(chosen.api_key_file))


def _checked(tree: Sha256, believed: Believed, data: bytes, key: str, challenge: str) -> Attested:
    from hanse.flows.evaluate.attested import check

    return check((data, key), challenge, tree, believed, SystemClock().now())


def _believed(found: Named, chosen: Running) -> Believed:
    from hanse.flows.evaluate.attested import Believed

    if chosen.attested_by is not None:
        return Believed.of_file(chosen.attested_by)
    return Believed.of_signers(found.vouching)


def _why(error: HanseError) -> str:
    """Return why nothing is bound; a server that answers something else attests nothing."""
    if isinstance(error, BadFormat):
        return f"the address shows no attestation that can be read ({error.message})"
    return f"{error.message} ({error.hint})" if error.hint else error.message
