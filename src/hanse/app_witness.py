"""The composition root of a node that is a witness and nothing else: no hub, no scanner, no log of its own."""

from __future__ import annotations

from hanse.flows.cosigners import commands
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.outward import Outward
from hanse.logs import configure_logging
from hanse.opening import opened_witness
from hanse.settings import Settings
from hanse.web.serving import address_of, bind, run
from hanse.web.witness_only import WitnessApp


def serve_witness(settings: Settings) -> int:
    """Serve as a witness until SIGTERM or SIGINT, and return the exit status."""
    configure_logging(settings.log_format, settings.log_level)
    listener = bind(settings)
    with opened_witness(settings) as node:
        lines = [f"Hanse witness {node.origin}", "Operators of logs run:"]
        lines += [f"    {line}" for line in commands(node, settings.public_url or address_of(settings, listener))[:2]]
        print("\n".join(lines), flush=True)  # noqa: T201 addressed to the person who started the witness
        federations = FederationFiles(settings.data / "federation")
        outward = Outward(
            node,
            lambda: None,
            refresh=settings.cosign_seconds,
            follow=settings.follow_seconds,
            federations=federations,
        )
        outward.start()
        try:
            run(WitnessApp(node), settings, listener)
        finally:
            outward.stop()
    return 0
