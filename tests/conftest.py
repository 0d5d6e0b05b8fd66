"""Fixtures for all tests; each group lies in its own file under tests/support."""

from __future__ import annotations

pytest_plugins = ["tests.support.databases"]
