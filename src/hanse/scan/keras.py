"""Keras configurations at any depth: which objects, functions and files a model names.

One JSON form has many homes: config.json of a .keras archive, attributes of HDF5 files, metadata of SavedModels, plain JSON.
Every serialised object is noted once, wherever it stands; loaders import its module, call it, or run the code that it carries.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.keras_objects import rule_of
from hanse.scan.reach import INSIDE, reach
from hanse.scan.ruleset import Hit
from hanse.scan.source import BytesSource, Source
from hanse.scan.tree import mappings
from hanse.scan.walk import ViewBuilder, Walk, join

MAX_CODE = 16 * 1024 * 1024
TOP_KEYS = ("optimizer_config", "optimizer", "loss", "metrics", "compile_config", "training_config", "model_config", "config")
PATH_KEYS = ("vocabulary", "filepath", "filename", "merges", "origin", "url", "path", "fname", "weights", "idf_weights")
IDENTIFIER = re.compile(r"[A-Za-z_][\w.]{0,200}", re.ASCII)


def is_configuration(value: object) -> bool:
    """Tell whether a parsed document is a Keras configuration: a serialised object, or a table that holds one by a known key."""
    if not isinstance(value, dict):
        return False
    if _is_object(value):
        return True
    inner = [value[key] for key in TOP_KEYS if isinstance(value.get(key), dict)]
    return any(_is_object(one) for one in inner) or ("keras_version" in value and "layers" in value)


def _is_object(value: dict[str, Any]) -> bool:
    name = value.get("class_name")
    return isinstance(name, str) and ("config" in value or "module" in value or "registered_name" in value)


def observe_config(value: object, source: Source, member: str, walk: Walk) -> None:
    """Add a view of a parsed document if it is a Keras configuration."""
    if is_configuration(value):
        with walk.view("keras", member, source, executes=True) as view:
            _Config(view, walk).read(value)


class _Config:
    """What has been met so far, each thing once."""

    def __init__(self, view: ViewBuilder, walk: Walk) -> None:
        self.view = view
        self.walk = walk
        self.seen: set[tuple[str, ...]] = set()
        self.coded = 0

    def read(self, value: object) -> None:
        """Note every object in a configuration."""
        for path, table in mappings(value, self.walk):
            name = table.get("class_name")
            if isinstance(name, str):
                self._object(path, name, table)
                config = table.get("config")
                if isinstance(config, dict):
                    self._arguments(path, name, config)
            elif "function_type" in table or "module" in table:
                self._function(path, table)

    def _once(self, *key: str) -> bool:
        """Tell whether this is met for the first time."""
        new = key not in self.seen
        self.seen.add(key)
        return new

    def _object(self, path: str, name: str, table: dict[str, Any]) -> None:
        module, registered = table.get("module"), table.get("registered_name")
        config = table.get("config")
        target = config if isinstance(config, str) and name == "function" else None
        if self._once("object", name, str(module), str(registered), str(target)):
            self.view.see("object", path=path, name=name, module=module, registered=registered, target=target)
        if name == "__lambda__":
            self.view.see("code", path=path, how="bytecode")

    def _arguments(self, path: str, name: str, config: dict[str, Any]) -> None:
        """Note what an object's own arguments carry: code, functions by name, files, pickled modules."""
        if name.rsplit(">", maxsplit=1)[-1] == "Lambda":
            for key in ("function", "output_shape", "mask"):
                self._lambda(path, key, config)
        if name in {"TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty"}:
            function = config.get("function", config.get("method_name", ""))
            if self._once("tfop", str(function)):
                self.view.see("tfop", path=path, name=name, function=function, cls=config.get("cls_symbol"))
        for key in PATH_KEYS:
            value = config.get(key)
            if isinstance(value, str) and value and self._once("file", name, key, value[:300]):
                self.view.see("file", path=path, name=name, key=key, value=value)
        packed = config.get("module")
        if name.rsplit(">", maxsplit=1)[-1] == "TorchModuleWrapper":
            self._packed(path, packed)

    def _lambda(self, path: str, key: str, config: dict[str, Any]) -> None:
        """Note a function of a Lambda layer: byte code, source text, or a name with the module that it is taken from."""
        value = config.get(key)
        kind = config.get(f"{key}_type")
        if isinstance(value, list) and (kind == "lambda" or (value and isinstance(value[0], str) and len(value) == 3)):
            if key == "function" or kind == "lambda":
                self.view.see("code", path=path, how="bytecode")
        elif isinstance(value, str) and key == "function" and not IDENTIFIER.fullmatch(value):
            self.view.see("code", path=path, how="text")
        elif isinstance(value, str) and (key == "function" or kind in {"function", "lambda"}):
            module = config.get("module" if key == "function" else f"{key}_module")
            self.view.see("lambda", path=path, function=value, module=module)
        elif isinstance(value, dict) and key == "function":
            self.view.see("lambda", path=path, function=None, module=None)

    def _function(self, path: str, table: dict[str, Any]) -> None:
        """Note a table with a module and no class: other forms that name something to import."""
        module, name = table.get("module"), table.get("registered_name") or table.get("function") or table.get("name")
        if not isinstance(module, str) or not isinstance(name, str) or "registered_name" not in table:
            return
        if IDENTIFIER.fullmatch(module) and self._once("object", name, module):
            self.view.see("object", path=path, name=name, module=module, registered=name, target=None)

    def _packed(self, path: str, packed: object) -> None:
        """Note a pickled torch module and read it as what it is."""
        if isinstance(packed, dict):
            packed = packed.get("config", packed.get("value"))
            packed = packed.get("value") if isinstance(packed, dict) else packed
        self.view.see("torch", path=path, packed=isinstance(packed, str))
        if isinstance(packed, str) and len(packed) <= MAX_CODE:
            self.walk.budget.spend("inflated", len(packed))
            self.walk.budget.spend("operations", len(packed) // 64)
            try:
                data = base64.b64decode(packed.encode("ascii", "replace"))
            except (binascii.Error, ValueError):
                return
            self.coded += 1
            self.walk.descend(BytesSource(data), join(self.view.member, f"torch module {self.coded}"))


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules about code, objects, functions and files in a configuration."""
    for one in view.all("keras.code"):
        rule = "KERAS-LAMBDA-CODE" if one.data["how"] == "bytecode" else "KERAS-LAMBDA-TEXT"
        yield Hit(rule, view.member, words=one.data)
    for one in view.all("keras.torch"):
        yield Hit("KERAS-TORCH-MODULE", view.member, words=one.data)
    for one in view.all("keras.object", "keras.lambda", "keras.tfop"):
        named, target = rule_of(one, context)
        if named is not None:
            yield Hit(named, view.member, callable=target, words={**one.data, "target": target})
    for one in view.all("keras.file"):
        yield from _judge_file(view, one.data, context)


def _judge_file(view: View, data: Any, context: Context) -> Iterator[Hit]:
    """Yield the rule about an argument that is a file: only for classes known to open it, or where it can be nothing else."""
    value, name = str(data["value"]), str(data["name"]).split(">")[-1]
    where = reach(value)
    opens = f"{name}.{data['key']}" in context.rules.names("keras", "opens_files") or name in context.rules.names(
        "keras", "opens_any"
    )
    words = {**data, "where": where}
    if opens and where != INSIDE:
        yield Hit("KERAS-FILE-OUTSIDE", view.member, callable=name, words=words)
    elif name in context.rules.names("keras", "loads_models"):
        yield Hit("KERAS-FILE-MODEL", view.member, callable=name, words=words)
    elif opens:
        yield Hit("KERAS-FILE-BESIDE", view.member, callable=name, words=words)
    elif where != INSIDE and data["key"] not in {"weights", "path"}:
        yield Hit("KERAS-FILE-UNKNOWN", view.member, callable=name, words=words)


FORMATS = (Format("keras", True, judge),)
