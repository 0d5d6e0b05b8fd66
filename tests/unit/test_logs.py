"""Log lines: fields as JSON or text, on standard error, from the chosen level up."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from hanse.logs import configure_logging


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    """Leave logging as it was found."""
    handlers = logging.getLogger().handlers[:]
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


def test_json_lines_have_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """A machine reads one JSON object for each event, with level and UTC time."""
    configure_logging("json", "info")
    structlog.get_logger("test").info("request", status=200)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["status"]) == ("request", "info", 200)
    assert line["timestamp"].endswith("Z")


def test_an_exception_is_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback stays inside its event, so that line-based tools keep working."""
    configure_logging("json", "info")
    try:
        int("broken")
    except ValueError:
        structlog.get_logger("test").exception("unexpected")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_lines_below_the_level_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    """The level is a lower bound."""
    configure_logging("text", "warning")
    structlog.get_logger("test").info("quiet")
    structlog.get_logger("test").warning("loud")
    err = capsys.readouterr().err
    assert "loud" in err
    assert "quiet" not in err
