"""Facts of a file: read as every format that its content could be, members of archives included."""

from __future__ import annotations

from importlib import import_module

from hanse.scan.budget import Budget, OverBudget, limits_for
from hanse.scan.facts import Facts
from hanse.scan.formats import HEAD_BYTES, Format
from hanse.scan.protobuf import begins_message
from hanse.scan.source import Source
from hanse.scan.versions import SCANNER
from hanse.scan.walk import Walk

MODULES: dict[str, tuple[str, ...]] = {
    "pickle.format": ("pickle",),
    "archive": (
        "zip",
        "encrypted",
    ),
    "tarball": ("tar",),
    "sevenzip": ("7z",),
    "compressed": ("compressed",),
    "torch": ("torch",),
    "numpy": ("npy",),
    "hdf5": ("hdf5",),
    "keras": ("keras",),
    "skops": ("skops",),
    "onnx": ("onnx",),
    "savedmodel": ("savedmodel",),
    "tflite": ("tflite",),
    "paddle": ("paddle",),
    "tfcheckpoint": (
        "tfindex",
        "tffingerprint",
    ),
    "gguf": ("gguf",),
    "safetensors": ("safetensors",),
    "executable": (
        "executable",
        "script",
    ),
    "media": ("media",),
    "plaintext": ("text",),
    "document": (
        "json",
        "yaml",
        "xml",
    ),
    "hydra": ("hydra",),
    "hubconfig": ("hubconfig",),
    "template": ("template",),
    "secrets": ("secrets",),
    "requirements": ("requirements",),
    "repocode": ("python",),
}
"""One module per concept, with the names of its FORMATS.

Pickle comes first: most of what attacks is one, and whatever else the bytes could be must not use up the budget before it.
"""


def all_formats() -> dict[str, Format]:
    """Return every format by name, in the order in which they look at content."""
    if not _FORMATS:
        # All at once: another thread that judges a file meanwhile must not go on with the first few.
        _FORMATS.update({one.name: one for module in MODULES for one in import_module(f"hanse.scan.{module}").FORMATS})
    return _FORMATS


def format_named(name: str) -> Format | None:
    """Return one format, None if there is none of that name; whoever judges facts does not wait for what reads all others."""
    module = None if name in _FORMATS else _MODULE_OF.get(name)
    if module is None:
        return _FORMATS.get(name)
    formats: tuple[Format, ...] = import_module(f"hanse.scan.{module}").FORMATS
    return next(one for one in formats if one.name == name)


_FORMATS: dict[str, Format] = {}
_MODULE_OF = {name: module for module, names in MODULES.items() for name in names}
LOOK_COST = 500
"""Operations that it takes to ask every format about some content."""
PROBED_EACH = 16


def describe(source: Source, member: str, walk: Walk) -> None:
    """Add a view for every format that the content of `source` could be; nothing is no format."""
    if not source.size:
        return
    head = source.read_at(0, HEAD_BYTES)
    walk.budget.spend("operations", LOOK_COST + len(head) // 16)
    message = begins_message(head, source.size)
    for one in all_formats().values():
        if one.observe is None:
            continue
        if one.probe:
            if not message:
                continue
            walk.budget.spend("operations", min(one.probe, PROBED_EACH * source.size))
        if one.claims(head, source):
            with walk.view(one.name, member, source, executes=one.executes) as view:
                one.observe(source, view, walk)


def extract(source: Source) -> Facts:
    """Return the facts of a file: a function of its bytes and the scanner's version alone.

    Never raises for what is in the file; what could not be read is said in the views. Time and memory are the caller's to bound.
    """
    budget = Budget(limits_for(source.size))
    walk = Walk(budget, describe)
    with walk.view("file", "", source, executes=False) as view:
        view.see("head", 0, bytes=source.read_at(0, 16).hex())
        try:
            describe(source, "", walk)
        except OverBudget as error:
            view.stop(error.resource)
    return Facts(SCANNER, source.size, walk.views(), budget.spent)
