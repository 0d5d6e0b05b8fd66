"""Parsers of settings, one by one; tests/unit/test_settings.py has those that settings use, end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse import settings_parsers as parse
from hanse.keys.custody import EXTRAS


def test_places_of_keys() -> None:
    """An address stays as it is, everything else is a path made absolute."""
    for address in ("hsm:", "hsm:2?label=Token", "awskms:alias/x", "azurekms://v.vault.azure.net/keys/k/1", "hv:log"):
        assert parse.place(address) == address
    assert parse.place("/etc/hanse/log.pem") == "/etc/hanse/log.pem"
    assert parse.place("./odd:name.pem") == str(Path("odd:name.pem").absolute())
    assert parse.place("~/log.pem") == str(Path.home() / "log.pem")


@pytest.mark.parametrize("raw", ["hsn:2", "awskms:", "C:", "pkcs11:token=x", "", 5, "a\nb"])
def test_places_that_are_none(raw: object) -> None:
    """A mistyped scheme is an error, not a file of that name."""
    with pytest.raises(ValueError, match=r"path|text"):
        parse.place(raw)


def test_the_schemes_are_those_of_custody() -> None:
    """Every address that a setting takes is one that custody opens."""
    assert set(parse.KEY_SCHEMES) == set(EXTRAS)


def test_whole_numbers_and_units() -> None:
    """Units multiply, and bounds hold after that."""
    assert parse.whole(1, 100, parse.TIMES)("1m") == 60
    with pytest.raises(ValueError, match="1 to 100"):
        parse.whole(1, 100, parse.TIMES)("2m")


@pytest.mark.parametrize(("raw", "value"), [(True, True), ("no", False), ("YES", True)])
def test_truth_values(raw: object, value: object) -> None:
    """Truth values are those of TOML, or words."""
    assert parse.boolean(raw) is value
