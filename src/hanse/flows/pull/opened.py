"""Opening what a pull needs: the policy, the held store, and a puller for the servers that are to be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hanse.clock import SystemClock
from hanse.flows.credentials import Credentials
from hanse.flows.named_servers import before, servers
from hanse.flows.policies import load_policy
from hanse.flows.pull.fetch import Fetcher, Report
from hanse.flows.pull.pull import Setting
from hanse.flows.pull.puller import Puller, PullSettings
from hanse.home import held_folder, home_folder
from hanse.store.held.store import open_or_temporary


@dataclass(frozen=True, slots=True)
class Whom:
    """Who is asked, and what is let pass.

    policy: its name, None for the user's own; home: HANSE_HOME; store: the held store; named: somebody named its place.
    """

    nodes: tuple[str, ...]
    upstream: str | None
    policy: str | None
    home: Path
    store: Path
    named: bool = False
    offline: bool = False


def whom(
    environ: Mapping[str, str],
    *,
    nodes: tuple[str, ...] = (),
    upstream: str | None = None,
    policy: str | None = None,
    store: Path | None = None,
    offline: bool = False,
) -> Whom:
    """Return who is asked, from what was said and the environment (`hanse.flows.named_servers`).

    Raises InputError for an address that is none.
    """
    home = home_folder(environ)
    asked, above = servers(nodes, upstream, environ)
    kept, named = held_folder(environ, home, store)
    return Whom(
        nodes=asked,
        upstream=above,
        policy=policy,
        home=home,
        store=kept,
        named=named,
        offline=offline,
    )


@contextmanager
def opened(asked: Whom, environ: Mapping[str, str], report: Report) -> Iterator[Setting]:
    """Open everything for the length of a `with` block. report: told what happens while files are fetched.

    Raises NotFoundError or PolicyError for the policy, StorageError.
    """
    policy = load_policy(asked.policy, asked.home)
    credentials = Credentials(asked.home, before(environ))
    settings = PullSettings(
        asked.nodes, asked.upstream, policy, asked.home, token_for=credentials.token_for, offline=asked.offline
    )
    clock = SystemClock()
    with (
        open_or_temporary(asked.store, named=asked.named) as held,
        closing(Puller(settings, held, Fetcher(held, report=report), clock)) as puller,
    ):
        yield Setting(puller, held, policy, asked.home, clock)
