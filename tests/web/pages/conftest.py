"""The live node of the Hub tests, for pages."""

from __future__ import annotations

from tests.web.hub.conftest import _api, _people, _plain, _repo

__all__ = ["_api", "_people", "_plain", "_repo"]
