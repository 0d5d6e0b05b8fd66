"""What servers and clients say of a file that is still being fetched: read strictly, believed within bounds."""

from __future__ import annotations

import pytest

from hanse.model.steps import MAX_WAIT, Steps, parse_steps, parse_wait, wait_header


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("3/10", Steps(3, 10)),
        (" 10/10 ", Steps(10, 10)),
        ("0/0", Steps(0, 0)),
        ("11/10", None),
        ("", None),
        ("3", None),
        ("-1/10", None),
        ("3/10/10", None),
        ("\u0663/10", None),
        ("1/" + "9" * 19, None),
        ("0" * 300 + "/1", None),
    ],
)
def test_how_far_it_is(text: str, steps: Steps | None) -> None:
    """Two plain numbers, the first not above the second, or nothing was said."""
    assert parse_steps(text) == steps
    if steps is not None:
        assert parse_steps(str(steps)) == steps


def test_steps_of_a_chain() -> None:
    """Bytes count once at every server that they pass, so that what moves at the start of a chain is seen at its end."""
    assert Steps(0, 10).after(Steps(3, 10)) == Steps(3, 20)


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=5", 5),
        ('respond-async, WAIT = "7" ; x=1', 7),
        ("wait=0", 1),
        ("wait=999999999", MAX_WAIT),
        ("", None),
        ("wait", None),
        ("wait=-1", None),
        ("await=5", None),
        ("wait=5x", None),
        ("wait=\u0665", None),
        ("x" * 300 + ",wait=5", None),
    ],
)
def test_who_wants_to_be_told(prefer: str, seconds: int | None) -> None:
    """The wait of RFC 7240, at least a second and at most an hour; everything else is a client that waits in silence."""
    assert parse_wait(prefer) == seconds


def test_what_is_sent_is_understood() -> None:
    """Whole seconds, at least one."""
    assert parse_wait(wait_header(5.9)["prefer"]) == 5
    assert parse_wait(wait_header(0.25)["prefer"]) == 1
