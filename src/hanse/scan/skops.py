"""skops schemas: which types and functions a file names, through which loader, and whether the two fit.

skops imports `__module__`, takes `__class__` from it and builds it by `__loader__`. Its audit asks the user to trust names; what
the loader really does with them must therefore be what the names say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.tree import mappings
from hanse.scan.walk import Walk

KEYS = ("__class__", "__module__", "__loader__")
AREA = "skops"
_NAME = re.compile(r"[A-Za-z_]\w{0,200}", re.ASCII)
_MODULE = re.compile(r"[A-Za-z_][\w.]{0,300}", re.ASCII)


def is_node(value: object) -> bool:
    """Tell whether a value is a node of a schema."""
    return isinstance(value, dict) and all(isinstance(value.get(key), str) for key in KEYS)


def observe_schema(value: object, source: Source, member: str, walk: Walk) -> None:
    """Add a view of a parsed document if it is a skops schema: every type once, with its loader."""
    if not isinstance(value, dict) or not is_node(value):
        return
    with walk.view("skops", member, source, executes=True) as view:
        view.see("schema", protocol=value.get("protocol"), version=value.get("_skops_version"))
        seen = set()
        for path, table in mappings(value, walk):
            if not is_node(table):
                continue
            name, module, loader = (str(table[key]) for key in KEYS)
            extra = _method(table) if loader == "MethodNode" else {}
            key = (name, module, loader, *extra.values())
            if key not in seen:
                seen.add(key)
                view.see("node", None, path=path, name=name, module=module, loader=loader, **extra)


def _method(table: Mapping[str, Any]) -> dict[str, str]:
    """Return the method that a node takes, and the type that it really takes it from."""
    content = table.get("content")
    if not isinstance(content, dict):
        return {"func": "", "of": ""}
    inner = content.get("obj")
    of = f"{inner.get('__module__')}.{inner.get('__class__')}" if isinstance(inner, dict) else ""
    return {"func": str(content.get("func")), "of": of}


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules about nodes whose loader does something else than their names say, and about names."""
    for one in view.all("skops.node"):
        data = one.data
        target = f"{data['module']}.{data['name']}"
        rule = _loader_rule(data, context) or _type_rule(str(data["module"]), str(data["name"]), context)
        if rule is not None:
            yield Hit(rule, view.member, callable=target, words={**data, "target": target})


def _loader_rule(data: Mapping[str, Any], context: Context) -> str | None:
    name, module, loader = str(data["name"]), str(data["module"]), str(data["loader"])
    if loader == "OperatorFuncNode":
        getters = name in context.rules.names(AREA, "getters") and module in {"operator", "_operator"}
        return "SKOPS-OPERATOR" if getters else "SKOPS-OPERATOR-CALL"
    if loader == "MethodNode":
        func, same = str(data.get("func", "")), data.get("of") == f"{module}.{name}"
        if not _NAME.fullmatch(func) or func.startswith("__") or not same:
            return "SKOPS-METHOD-REACH"
        denied = _type_rule(module, name, context)
        return denied if denied == "SKOPS-TYPE-DENIED" else "SKOPS-METHOD"
    if loader not in context.rules.names(AREA, "loaders"):
        return "SKOPS-LOADER-UNKNOWN"
    return None


def _type_rule(module: str, name: str, context: Context) -> str | None:
    rules, target = context.rules, f"{module}.{name}"
    if target in rules.names(AREA, "trusted"):
        return None
    if not _NAME.fullmatch(name) or not _MODULE.fullmatch(module) or name.startswith("__"):
        return "SKOPS-TYPE-DENIED"
    parts = module.split(".")
    top = parts[0]
    if (top in rules.names("targets", "stdlib") and module != "__main__") or top in rules.names(AREA, "denied_packages"):
        return "SKOPS-TYPE-DENIED"
    if any(part in rules.names("targets", "running") for part in parts[1:]):
        return "SKOPS-TYPE-DENIED"
    if top not in rules.names(AREA, "packages"):
        return "SKOPS-TYPE-CUSTOM"
    if name in rules.names(AREA, "denied_names") or any(
        ".".join(parts[:count]) in rules.names(AREA, "denied_modules") for count in range(1, len(parts) + 1)
    ):
        return "SKOPS-TYPE-DENIED"
    return None


FORMATS = (Format("skops", True, judge),)
