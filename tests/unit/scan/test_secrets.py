"""Secrets in texts."""

from __future__ import annotations

import random

import pytest
from tests.samples.zipcraft import archive
from tests.support.judging import judged, rules_of

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.canonical import canonical
from hanse.model.finding import Verdict
from hanse.scan.dispatch import extract
from hanse.scan.secrets import is_random
from hanse.scan.source import BytesSource
from hanse.scan.verdict import judge

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def drawn(count: int, alphabet: str = LETTERS, seed: int = 7) -> str:
    """Return letters drawn by chance, the same every time."""
    return "".join(random.Random(seed).choices(alphabet, k=count))


def found(text: str, path: str = "notes.txt") -> set[str]:
    """Return the rules about secrets that apply; none is worse than a caution."""
    judgement = judge(extract(BytesSource(text.encode())), path, builtin_ruleset())
    assert judgement.verdict.rank <= Verdict.CAUTION.rank
    return {one.rule for one in judgement.findings if one.rule.startswith("SECRET")}


@pytest.mark.parametrize(
    "secret",
    [
        "hf_" + drawn(34),
        "ghp_" + drawn(36),
        "AKIA" + drawn(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
        "AIza" + drawn(35),
        "glpat-" + drawn(20),
        "-----BEGIN PRIVATE KEY-----\n" + drawn(400) + "\n-----END PRIVATE KEY-----",
    ],
)
def test_tokens(secret: str) -> None:
    """A token in the form that its provider gives out is found, and never kept."""
    assert found(f'key = "{secret}"\n') == {"SECRET-TOKEN"}
    assert secret[4:20] not in canonical(extract(BytesSource(secret.encode())).to_json()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "hf_" + "x" * 34,
        "hf_" + LETTERS[:34],
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_your_token_goes_here_abcdefghijklmnopq",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        '{"vocab": {"hf_": 1, "sk-": 2, "AKIA": 3, "PRIVATE KEY": 4}}',
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "API_KEY=" + drawn(30),
    ],
)
def test_no_alarm(text: str) -> None:
    """Examples, vocabularies, digests and settings in ordinary files are left alone."""
    assert found(text) == set()


def test_settings() -> None:
    """In a file made for secrets, a value that looks drawn by chance is one."""
    assert found("DB_PASSWORD=" + drawn(24), ".env") == {"SECRET-SETTING"}
    assert found("DB_PASSWORD=changeme-please", ".env") == {"SECRET-FILE"}
    assert found("DB_PASSWORD=changeme-please", ".env.example") == set()


def test_settings_in_archives() -> None:
    """In an archive the member's name says whether it is a file of settings."""
    data = "DB_PASSWORD=" + drawn(24)
    rules = {name: rules_of(judged(archive((name, data.encode())), ".env")) for name in ("m/.env", "m/notes.txt")}
    assert "SECRET-SETTING" in rules["m/.env"]
    assert "SECRET-SETTING" not in rules["m/notes.txt"]


def test_randomness() -> None:
    """Letters in order and letters repeated are no secret."""
    assert is_random(drawn(40).encode())
    assert not is_random(b"hf_" + b"ab" * 17)
