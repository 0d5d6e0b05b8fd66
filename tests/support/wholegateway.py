"""A whole gateway in this process, in front of a Hub-shaped origin or a node."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from hanse.app_gateway import Gateway, GatewayOptions, listen
from hanse.flows.chosen_policy import ChosenPolicy, choose_policy
from hanse.flows.gateway.state import new_secret
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.store.held.store import Held


@contextmanager
def whole_gateway(
    home: Path,
    *,
    upstream: str | None = None,
    nodes: tuple[str, ...] = (),
    policy: LoadedPolicy | None = None,
    environ: Mapping[str, str] | None = None,
    caches: Path | None = None,
    offline: bool = False,
    said: list[str] | None = None,
) -> Iterator[Gateway]:
    """Run a gateway over the store in `home` for the length of a `with` block. said: gets what a person would be told."""
    base = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
    base |= {"HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    chosen = choose_policy("open", home) if policy is None else ChosenPolicy.of(policy)
    options = GatewayOptions(chosen, home, caches or home, {**base, **(environ or {})}, nodes, upstream, offline)
    with Held.open(home / "held") as held, closing(listen(0)) as listener:
        gateway = Gateway(options, listener, new_secret(), (said if said is not None else []).append)
        gateway.audit(held)
        with gateway.running(held):
            yield gateway
