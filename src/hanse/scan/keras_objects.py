"""Which objects a Keras configuration may name: the loader imports the module and takes the name from it, then calls it."""

from __future__ import annotations

from hanse.scan.facts import Observation
from hanse.scan.formats import Context

AREA = "keras"
Ruling = tuple[str | None, str]


def rule_of(one: Observation, context: Context) -> Ruling:
    """Return the rule that an object, function or operator of a configuration falls under, and its full name."""
    if one.kind == "keras.tfop":
        return _tensorflow(str(one.data["function"] or ""), str(one.data["name"]), context)
    if one.kind == "keras.lambda":
        return _lambda(str(one.data["module"] or ""), str(one.data["function"] or "Lambda"), context)
    module, name, target = one.data["module"], str(one.data["name"]), one.data["target"]
    if target is not None or name == "function":
        return _function(str(module or ""), str(target or one.data["registered"] or ""), context)
    if name in context.rules.names(AREA, "markers") or name == "__lambda__":
        return None, name
    if isinstance(module, str) and module:
        return _class(module, name, context)
    return _bare(name, context)


def _in(name: str, prefixes: frozenset[str]) -> bool:
    """Tell whether a dotted name is, or lies below, one of the prefixes."""
    parts = name.split(".")
    return any(".".join(parts[:count]) in prefixes for count in range(1, len(parts) + 1))


def _class(module: str, name: str, context: Context) -> Ruling:
    rules, full = context.rules, f"{module}.{name}"
    if _is_denied(module, name, context):
        return "KERAS-OBJECT-DENIED", full
    if _in(module, rules.names(AREA, "packages")):
        public = _in(module, rules.names(AREA, "modules")) or full in rules.names(AREA, "public")
        return (None, full) if public else ("KERAS-OBJECT-INTERNAL", full)
    if module == "builtins":
        return (None, full) if name in rules.names(AREA, "builtin_classes") else ("KERAS-OBJECT-BUILTIN", full)
    return "KERAS-OBJECT-CUSTOM", full


def _function(module: str, name: str, context: Context) -> Ruling:
    """Judge a function by name: Keras' own and those of array libraries compute, the rest is somebody's code."""
    rules, full = context.rules, f"{module}.{name}" if module else name
    if _is_denied(module, name, context):
        return "KERAS-FUNCTION-DENIED", full
    if module in {"", "builtins"}:
        return (None, full) if name in rules.names(AREA, "functions") else ("KERAS-FUNCTION-CUSTOM", full)
    if _in(module, rules.names(AREA, "modules")) or _in(module, rules.names(AREA, "function_modules")):
        return None, full
    if _in(module, rules.names(AREA, "packages")) or _in(module, rules.names(AREA, "gadget_packages")):
        return "KERAS-FUNCTION-INTERNAL", full
    return "KERAS-FUNCTION-CUSTOM", full


def _lambda(module: str, name: str, context: Context) -> Ruling:
    full = f"{module}.{name}" if module else name
    return ("KERAS-FUNCTION-DENIED" if _is_denied(module, name, context) else "KERAS-LAMBDA-NAMED"), full


def _bare(name: str, context: Context) -> Ruling:
    """Judge a class without a module, as older versions write it: found among Keras' own or among registered ones only."""
    if name.split(">", maxsplit=1)[0] in {"Addons", "keras_nlp", "keras_cv", "keras_hub"}:
        return "KERAS-OBJECT-CUSTOM", name
    return (None, name) if name in context.rules.names(AREA, "classes") else ("KERAS-OBJECT-CUSTOM", name)


def _is_denied(module: str, name: str, context: Context) -> bool:
    """Tell whether an import hands over the machine: the standard library, loaders of Keras itself, known gadgets.

    A name with a dot or underscores on both ends reaches through an object into others.
    """
    rules = context.rules
    top = module.split(".", maxsplit=1)[0]
    if top == "builtins" or not top:
        return name in rules.names(AREA, "denied_builtins") and not (not top and name in rules.names(AREA, "functions"))
    if (top in rules.names("targets", "stdlib") and module != "__main__") or top in rules.names(AREA, "denied_packages"):
        return True
    if any(part in rules.names("targets", "running") for part in [*module.split(".")[1:], *name.split(".")[:-1]]):
        return True
    if name in rules.names(AREA, "denied_names") and _in(
        module, rules.names(AREA, "packages") | rules.names(AREA, "gadget_packages")
    ):
        return True
    return _in(module, rules.names(AREA, "denied_modules")) or any(part.startswith("__") for part in name.split("."))


def _tensorflow(function: str, name: str, context: Context) -> Ruling:
    """Judge a TensorFlow function that a layer of older versions wraps, by its public name below `tf.`."""
    full = f"tf.{function}" if function else name
    if _in(function, context.rules.names(AREA, "denied_tensorflow")):
        return "KERAS-FUNCTION-DENIED", full
    fine = _in(function, context.rules.names(AREA, "tensorflow")) or name != "TFOpLambda" or "." not in function
    return (None if fine else "KERAS-OBJECT-INTERNAL"), full
