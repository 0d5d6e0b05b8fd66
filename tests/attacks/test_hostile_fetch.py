"""A hostile origin against fetching: the right bytes from whoever has them, nothing false kept, and the culprit named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.hostile import BROKEN_BODIES, FALSE_BYTES, SLOW_BODIES, WEIGHTS, Stage, make_origins, make_stage

from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin
from hanse.errors import HanseError, IntegrityError
from hanse.flows.pull.events import Kind
from hanse.flows.pull.fetch import Fetch
from hanse.store.held import HeldFile


@pytest.fixture(name="origins", scope="module")
def _origins() -> Iterator[tuple[HubOrigin, HubOrigin]]:
    with ExitStack() as stack:
        yield make_origins(stack)


@pytest.fixture(name="stage")
def _stage(origins: tuple[HubOrigin, HubOrigin], tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield make_stage(stack, tmp_path, *origins)


def ended(fetch: Fetch) -> tuple[HeldFile | None, HanseError | None]:
    """Return the file or the error that a fetch ends with."""
    try:
        return fetch.wait(200), None
    except HanseError as error:
        return None, error


@pytest.mark.parametrize("listed", [True, pytest.param(False, marks=pytest.mark.soak)], ids=["chunks", "whole"])
@pytest.mark.parametrize("fault", [*FALSE_BYTES, *BROKEN_BODIES, *SLOW_BODIES, Fault.CHUNK_LIST], ids=lambda fault: fault.value)
def test_an_honest_place_makes_up_for_it(stage: Stage, fault: Fault, *, listed: bool) -> None:
    """Whatever the first place does, the user gets the pinned bytes from the second."""
    stage.liar.faults.set(fault)
    places = [stage.place(origin, listed=listed) for origin in (stage.liar, stage.honest)]
    pin = stage.pins[WEIGHTS]
    file = stage.fetcher.open(pin, places).wait(200)
    assert file is not None
    assert file.path.read_bytes() == stage.truth
    assert pin.sha256 == file.sha256 or pin.xet == file.xet
    assert {event.place for event in stage.told(Kind.LIE)} <= {places[0].name}


@pytest.mark.parametrize("listed", [True, False], ids=["chunks", "whole"])
@pytest.mark.parametrize("fault", [one for one in FALSE_BYTES if one is not Fault.ABORT_RESUME], ids=lambda fault: fault.value)
def test_a_lie_names_its_teller(stage: Stage, fault: Fault, *, listed: bool) -> None:
    """With nobody honest the fetch fails, says who sent false bytes, and keeps none of them."""
    stage.liar.faults.set(fault)
    place = stage.place(stage.liar, listed=listed)
    fetch = stage.fetcher.open(stage.pins[WEIGHTS], [place])
    with pytest.raises(HanseError) as failed:
        fetch.wait(200)
    assert isinstance(failed.value, IntegrityError)
    assert {event.place for event in stage.told(Kind.LIE)} == {place.name}
    assert place.name in failed.value.message
    assert stage.held.find(stage.pins[WEIGHTS]) is None


@pytest.mark.soak
@pytest.mark.parametrize("listed", [True, False], ids=["chunks", "whole"])
@pytest.mark.parametrize("fault", BROKEN_BODIES, ids=lambda fault: fault.value)
def test_what_is_broken_is_no_lie(stage: Stage, fault: Fault, *, listed: bool) -> None:
    """A place that breaks the protocol alone fails the fetch without being called a liar, unless bytes were false."""
    stage.liar.faults.set(fault)
    fetch = stage.fetcher.open(stage.pins[WEIGHTS], [stage.place(stage.liar, listed=listed)])
    file, error = ended(fetch)
    if error is None:  # what can be had in spite of it is the truth
        assert file is not None
        assert file.path.read_bytes() == stage.truth
    else:
        assert isinstance(error, IntegrityError) == bool(stage.told(Kind.LIE)) == (fault is Fault.SHIFTED_RANGE)
        assert stage.held.find(stage.pins[WEIGHTS]) is None


@pytest.mark.parametrize("fault", [one for one in FALSE_BYTES if one is not Fault.ABORT_RESUME], ids=lambda fault: fault.value)
def test_a_reader_sees_no_false_byte(stage: Stage, fault: Fault) -> None:
    """What streams before the end is a beginning of the truth, whatever the liar does to the rest."""
    stage.liar.faults.set(fault)
    fetch = stage.fetcher.open(stage.pins[WEIGHTS], [stage.place(stage.liar, listed=True)])
    got = bytearray()
    with pytest.raises(HanseError):
        got += b"".join(fetch.read(0, stage.pins[WEIGHTS].size))
    assert stage.truth.startswith(bytes(got))


def test_cut_and_healed(stage: Stage) -> None:
    """Wrong bytes before a cut do not survive: the only place is asked for them once more, and its true ones are taken."""
    stage.liar.faults.set(Fault.ABORT_RESUME)
    place = stage.place(stage.liar, listed=True)
    file = stage.fetcher.open(stage.pins[WEIGHTS], [place]).wait(200)
    assert file is not None
    assert file.path.read_bytes() == stage.truth
    assert {event.place for event in stage.told(Kind.LIE)} == {place.name}


@pytest.mark.parametrize("listed", [True, False], ids=["chunks", "whole"])
def test_a_server_without_ranges(stage: Stage, *, listed: bool) -> None:
    """A server that answers every range with the whole file breaks no rule: its bytes are taken, and nobody is blamed."""
    stage.liar.faults.set(Fault.FULL_FOR_RANGE)
    file = stage.fetcher.open(stage.pins[WEIGHTS], [stage.place(stage.liar, listed=listed)]).wait(60)
    assert file is not None
    assert file.path.read_bytes() == stage.truth
    assert not stage.told(Kind.LIE)
    assert not stage.told(Kind.DEAD)


def test_redirects_lead_nowhere_inside(stage: Stage) -> None:
    """A redirect to a link-local address is not followed: the bytes come another way, or the origin that sent it is named."""
    stage.liar.faults.target = "http://169.254.169.254/latest/meta-data/"
    stage.liar.faults.set(Fault.REDIRECT)
    place = stage.place(stage.liar, listed=False)
    with pytest.raises(HanseError) as failed:
        stage.fetcher.open(replace(stage.pins[WEIGHTS], xet=None), [place]).wait(200)
    assert place.name in failed.value.message
