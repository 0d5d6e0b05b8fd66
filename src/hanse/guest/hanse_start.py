"""Loaded by every Python program of a session before its own code (`sitecustomize`): has the Hub client watched.

Nothing is done, and next to nothing loaded, before `huggingface_hub` is imported; `hanse_given` does the rest then. Programs may
be of any version of Python from 3.8 on. A `sitecustomize` that this one hides is run after it.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_CONSTANTS = "huggingface_hub.constants"
_WATCHED = (_CONSTANTS, "huggingface_hub.file_download", "huggingface_hub._snapshot_download")
_HERE = os.path.dirname(os.path.abspath(__file__))


class Finder:
    """Finds the modules of the Hub client as they are found anyway, and has them changed once they are loaded.

    url: of the gateway, with its secret.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of a module of the client, None for every other module."""
        if name not in _WATCHED:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            if name == _CONSTANTS:
                self._keep_endpoint()
            load(module)
            if name != _CONSTANTS:
                import_module("hanse_given").watch(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    def _keep_endpoint(self) -> None:
        """Have the client ask the gateway, whatever the program set."""
        import_module("hanse_given").keep_endpoint(os.environ.get("HF_ENDPOINT"))
        os.environ["HF_ENDPOINT"] = self._url


def run_hidden() -> None:
    """Run the `sitecustomize` that would have been found without this one."""
    spec = PathFinder.find_spec("sitecustomize", [one for one in sys.path if os.path.abspath(one) != _HERE])
    if spec is not None and spec.loader is not None:
        module = sys.modules["sitecustomize"] = type(sys)(spec.name)
        module.__spec__, module.__file__, module.__loader__ = spec, spec.origin, spec.loader
        spec.loader.exec_module(module)


if os.environ.get("HANSE_GATEWAY"):
    sys.meta_path.insert(0, Finder(os.environ["HANSE_GATEWAY"]))
run_hidden()
