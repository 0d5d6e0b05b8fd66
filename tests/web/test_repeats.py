"""A flood of requests that are none leaves a few lines in the log, and their number."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from hanse.web.repeats import MOST, SECONDS, Repeats, limit_repeats


@pytest.fixture(name="logger")
def _logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("uvicorn.error")
    before = logger.filters[:]
    yield logger
    logger.filters[:] = before


def test_the_first_of_a_minute_are_written_and_the_others_counted(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """Each kind has a minute of its own; what was left out is told with the first line of the next minute."""
    now = 1000.0
    caplog.set_level(logging.WARNING, logger.name)
    logger.filters[:] = [Repeats(lambda: now)]
    for number in range(MOST + 1234):
        logger.warning("request %d is none", number)
    logger.warning("of another kind")
    assert len(caplog.messages) == MOST + 1
    assert caplog.messages[0] == "request 0 is none"
    assert caplog.messages[MOST - 1].endswith("(more like it are only counted for a minute)")
    caplog.clear()
    now += SECONDS
    for _ in range(2):
        logger.warning("request %d is none", 7)
    assert caplog.messages == ["request 7 is none (1,234 more like it were left out)", "request 7 is none"]


def test_a_process_limits_once(logger: logging.Logger) -> None:
    """However often a server is started in a process, each line is counted once."""
    logger.filters.clear()
    limit_repeats()
    limit_repeats()
    assert len(logger.filters) == 1
