"""Hanse: an open-model hub that no single institution can derail.

`from hanse import pull, verify` gives the library (`hanse.flows.library`); it is imported only when one of them is asked for.
"""

from importlib import import_module

__version__ = "0.1.0"
_LIBRARY = ("pull", "verify")


def __getattr__(name: str) -> object:
    """Return a function of the library; raises AttributeError."""
    if name in _LIBRARY:
        return getattr(import_module("hanse.flows.library"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return ["__version__", *_LIBRARY]
