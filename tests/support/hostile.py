"""A liar and an honest origin with the same repositories, and places of both: the stage of the hostile tests."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.fetch import Fetcher
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType
from hanse.peers.bulk import BulkClient
from hanse.peers.hub import Hub
from hanse.peers.place import Place
from hanse.store.held import Held

REPO = "org/model"
WEIGHTS = "weights.bin"
CONFIG = "config.json"
SIZE = 1_500_000
STALL = 0.5
"""Seconds without a byte after which the clients of these tests give up."""

FALSE_BYTES = (Fault.WRONG_BYTES, Fault.REFRAMED, Fault.FALSE_CLAIMS, Fault.ABORT_RESUME, Fault.WRONG_REVISION)
"""What makes an origin send other bytes than were pinned."""
BROKEN_BODIES = (
    Fault.TRUNCATED,
    Fault.SHORT,
    Fault.LONG,
    Fault.FULL_FOR_RANGE,
    Fault.SHIFTED_RANGE,
    Fault.OTHER_RANGE,
    Fault.ENDLESS,
    Fault.ZIPPED,
    Fault.TWO_LENGTHS,
    Fault.HUGE_HEADERS,
    Fault.REDIRECT,
    Fault.REDIRECT_LOOP,
    Fault.MISSING,
    Fault.REFUSED,
    Fault.ERROR,
    Fault.RESET,
)
"""What makes an origin send what nobody asked for, or nothing."""
SLOW_BODIES = (Fault.SLOW, Fault.STALL, Fault.DRIP_HEADERS)


def contents(seed: int) -> dict[str, bytes]:
    """Return the files of a revision."""
    chance = random.Random(seed)
    return {WEIGHTS: chance.randbytes(SIZE), CONFIG: b'{"seed":%d}\n' % seed}


class ListedPlace:
    """A revision at an origin that also answers chunk lists, as another node does."""

    def __init__(self, place: Place, client: BulkClient, url: str) -> None:
        self._place, self._client, self._url = place, client, url
        self.name = place.name

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes, see `Place`."""
        return self._place.read(pin, start, end)

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list as the origin says it."""
        found = self._client.get(f"{self._url}/v2/file-chunk-hashes/{pin.xet}", limit=1 << 20)
        return found.body if found.status == 200 else None


@dataclass
class Stage:
    """Two origins with two revisions of one repository, and a held store."""

    liar: HubOrigin
    honest: HubOrigin
    held: Held
    events: list[Event]
    fetcher: Fetcher
    clients: list[BulkClient] = field(default_factory=list)

    @property
    def pins(self) -> dict[str, FilePin]:
        """What the files of the newest revision must be."""
        return self.honest.pins(REPO)

    @property
    def truth(self) -> bytes:
        """The bytes of the large file of the newest revision."""
        content = self.honest.repo(REPO).newest.files[WEIGHTS].content
        return b"".join(content.read(0, content.size))

    def place(self, origin: HubOrigin, *, listed: bool) -> Place:
        """Return the newest revision at an origin as a place; listed: it answers chunk lists."""
        tells = {switch.fault for switch in origin.faults._on}  # what is not slow is waited for, however slow the machine is
        stall = 60 if tells <= set(FALSE_BYTES) else STALL
        client = BulkClient(seconds=60, stall_seconds=stall, named=(origin.url,))
        self.clients.append(client)
        place = Hub(origin.url, client=client).place(RepoType.MODEL, REPO, origin.repo(REPO).newest.rev)
        return ListedPlace(place, client, origin.url) if listed else place

    def close(self) -> None:
        """Close what it opened."""
        for client in self.clients:
            client.close()

    def told(self, kind: Kind) -> list[Event]:
        """Return the events of one kind."""
        return [one for one in self.events if one.kind is kind]

    def stored(self) -> list[Path]:
        """Return every file of the held store that is a complete one."""
        return [path for path in self.held.folder.rglob("*") if path.is_file() and path.stat().st_size in (SIZE, SIZE + 1000)]


def make_origins(stack: ExitStack) -> tuple[HubOrigin, HubOrigin]:
    """Start two origins with the same two revisions until the end of `stack`."""
    origins = []
    for _ in range(2):
        origin = stack.enter_context(HubOrigin(xet=True, chunk_lists=True))
        for seed in (1, 2):
            origin.commit(REPO, contents(seed))
        origins.append(origin)
    return origins[0], origins[1]


def make_stage(stack: ExitStack, folder: Path, liar: HubOrigin, honest: HubOrigin) -> Stage:
    """Open a held store beside two origins until the end of `stack`; both are honest then."""
    for origin in (liar, honest):
        stack.callback(origin.faults.clear)
    held = stack.enter_context(Held.open(folder / "held"))
    events: list[Event] = []
    stage = Stage(liar, honest, held, events, Fetcher(held, report=events.append, tries=2, rest=0.02))
    stack.callback(stage.close)
    return stage
