"""Which clients are known to be unwatched, by what they call themselves."""

from __future__ import annotations

import pytest

from hanse.web.gateway.unwatched import is_unwatched


@pytest.mark.parametrize(
    ("agent", "unwatched"),
    [
        ("unknown/None; hf_hub/1.33.0; python/3.11.7", True),
        ("transformers/5.0; hf_hub/0.34.4; python/3.8.1; origin/somebody", True),
        ("unknown/None; hf_hub/1.33.0; python/3.11.7; origin/somebody; hanse-checked", False),
        ("unknown/None; hf_hub/0.20.3; python/3.8.1", False),
        ("unkown/None; hf-hub/0.4.0; rust/unknown", False),
        ("curl/8", False),
        ("", False),
        ("hf_hub/99999.1.0", False),
    ],
)
def test_agents(agent: str, *, unwatched: bool) -> None:
    """Python's client from 0.34 on says that it is checked where it is; of others nothing is known, and nothing said."""
    assert is_unwatched(agent) is unwatched
