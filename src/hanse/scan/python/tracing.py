"""Follows names and values through a program, without running it: which callables are called, from where and with what.

The analysis is one of may: branches are all taken, a variable keeps the labels of everything it ever held.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hanse.scan.budget import Budget, OverBudget
from hanse.scan.python.names import first_text, handed_on, items, origin, plain_name, sliced, spelled, weight
from hanse.scan.python.origins import BUILTINS, FETCHERS, FILE_METHODS, PASSED
from hanse.scan.python.parser import Node
from hanse.scan.python.statements import Program, Scope, Statement
from hanse.scan.python.values import NOTHING, UNKNOWN, Call, Folder, Trace, Value, add, arithmetic, merge, name_of

OPERATIONS = 4
MAX_DEPTH = 120
HIDING = frozenset(("computed", "decoded"))
PASSED_MODULES = PASSED - {"exec", "eval", "compile", "__import__"}
LOCAL = "<local>."
_WRITERS = frozenset(("write", "write_bytes", "write_text", "writelines"))


class Tracer:
    """Evaluates every expression of a program, twice: values that come from later lines are known in the second round."""

    def __init__(self, program: Program, budget: Budget) -> None:
        self._program = program
        self._budget = budget
        self._fold = Folder(budget)
        self._attributes: dict[str, Value] = {}
        self._results: dict[str, Value] = {}
        self._parameters: dict[str, list[str]] = {}
        self._passed: dict[tuple[str, str], Value] = {}
        self._files: dict[str, frozenset[str]] = {}
        self._functions: set[str] = set()
        self._stored: dict[str, set[str]] = {}
        self._final = False
        self._silent = 0
        self._depth = 0
        self.trace = Trace()

    def run(self) -> Trace:
        """Return what the program calls; raises OverBudget."""
        for final in (False, True):
            self._final = final
            for statement in self._program.statements:
                self._budget.spend("operations", OPERATIONS)
                getattr(self, f"_do_{statement.kind}")(statement)
        return self.trace

    def _do_import(self, one: Statement) -> None:
        for module, alias in one.a:
            self._note(module, "", one)
            self._bind(one.scope, alias or module.partition(".")[0], Value(module if alias else module.partition(".")[0]))

    def _do_from(self, one: Statement) -> None:
        for name, alias in one.b:
            self._note(one.a, name, one)
            if name != "*":
                self._bind(one.scope, alias, Value(f"{one.a}.{name}" if not one.a.endswith(".") else one.a + name))

    def _note(self, module: str, name: str, one: Statement) -> None:
        if self._final:
            self.trace.imports.setdefault((module, name), (one.at, one.scope.function()))

    def _do_def(self, one: Statement) -> None:
        name = one.a.name
        for node in one.c:
            # A function that is only named as a default is called by this one, if at all, and not where it is named.
            self._value(node, one.a if node.kind == "name" and node.a != name else one.scope)
        self._functions.add(name)
        self._parameters[name] = one.b
        self._bind(one.scope, name, Value(LOCAL + name))
        for parameter in one.b:
            self._bind(one.a, parameter, self._passed.get((name, parameter), NOTHING))

    def _do_class(self, one: Statement) -> None:
        bases = [self._value(node, one.scope).ref or "" for node in one.b]
        self._bind(one.scope, one.a.name, Value(LOCAL + one.a.name))
        if self._final:
            self.trace.classes.append((one.a.name, one.at, tuple(bases[:8])))
            # Making an instance runs these.
            self.trace.edges.setdefault(one.a.name, set()).update({"__init__", "__new__", "__post_init__"} & self._functions)

    def _do_assign(self, one: Statement) -> None:
        value = self._value(one.b, one.scope)
        for target in one.a:
            self._store(target, value, one.scope, one.b)

    def _do_for(self, one: Statement) -> None:
        value = self._value(one.b, one.scope)
        self._store(one.a, Value(None, None, value.labels), one.scope)

    def _do_value(self, one: Statement) -> None:
        self._value(one.a, one.scope)

    def _do_decorator(self, one: Statement) -> None:
        value = self._value(one.a, one.scope)
        if value.ref and one.a.kind in {"name", "attribute"}:
            self._call(value.ref, one.at, one.scope, [], {}, ())

    def _do_return(self, one: Statement) -> None:
        value = self._value(one.a, one.scope)
        name = one.scope.function()
        known = self._results.get(name, NOTHING)
        self._results[name] = Value(value.ref or known.ref, value.const if value.const is not None else known.const,
                                    merge((value, known)))  # fmt: skip

    # Names

    def _bind(self, scope: Scope, name: str, value: Value) -> None:
        known = scope.names.get(name, NOTHING)
        ref = value.ref if value.ref is not None else known.ref
        const = value.const if value.const is not None else known.const
        scope.names[name] = Value(ref, const, merge((known, value)))

    def _store(self, target: Node, value: Value, scope: Scope, source: Node | None = None) -> None:
        if target.kind == "name":
            self._stored.setdefault(scope.function(), set()).add(target.a)
            self._bind(scope, target.a, value)
            if scope.kind == "class" and scope.name != "<each>":
                self._attributes[target.a] = scope.names[target.a]
        elif target.kind in {"tuple", "list"}:
            items = source.a if source is not None and source.kind in {"tuple", "list"} else []
            for index, item in enumerate(target.a):
                part = self._value(items[index], scope, record=False) if index < len(items) else Value(None, None, value.labels)
                self._store(item, part, scope)
        elif target.kind == "attribute":
            owner = self._value(target.a, scope)
            known = self._attributes.get(target.b, NOTHING)
            self._attributes[target.b] = Value(value.ref or known.ref, value.const or known.const, merge((known, value)))
            if owner.ref in {"os.environ", "builtins"}:
                self._call(f"{owner.ref}.{target.b}=", target.at, scope, [value], {}, value.labels)
        elif target.kind == "item":
            owner = self._value(target, scope)
            if self._value(target.a, scope).ref == "os.environ":
                self._call("os.environ.__setitem__", target.at, scope, [value], {}, value.labels)
            if target.a.kind == "name":
                self._bind(scope, target.a.a, Value(None, None, value.labels | owner.labels))

    def _lookup(self, name: str, scope: Scope) -> Value:
        inner: Scope | None = scope
        while inner is not None:
            if name in inner.names:
                return inner.names[name]  # type: ignore[no-any-return]
            inner = inner.parent
        return Value(name) if name in BUILTINS or name in {"__builtins__", "__file__"} else NOTHING

    # Expressions

    def _value(self, node: Node, scope: Scope, *, record: bool = True) -> Value:
        self._budget.spend("operations", OPERATIONS)
        if self._depth >= MAX_DEPTH:
            raise OverBudget("depth")
        self._depth += 1
        self._silent += not record
        try:
            return getattr(self, f"_{node.kind}_node")(node, scope)  # type: ignore[no-any-return]
        finally:
            self._silent -= not record
            self._depth -= 1

    def _name_node(self, node: Node, scope: Scope) -> Value:
        found = self._lookup(node.a, scope)
        if found.ref is not None and found.ref.startswith(LOCAL):
            self._edge(scope, found.ref.removeprefix(LOCAL))
        return found

    def _edge(self, scope: Scope, name: str) -> None:
        if self._final:
            self.trace.edges.setdefault(scope.function(), set()).add(name)

    def _const_node(self, node: Node, _scope: Scope) -> Value:
        return Value(None, node.a)

    def _fields_node(self, node: Node, scope: Scope) -> Value:
        values = [Value(None, part) if isinstance(part, str | bytes) else self._value(part, scope) for part in node.a]
        texts = [str(one.const) if isinstance(one.const, str | int) else UNKNOWN for one in values]
        labels = merge(values) | ({"partial"} if UNKNOWN in texts else {"computed"})
        return Value(None, "".join(texts), labels)

    def _attribute_node(self, node: Node, scope: Scope) -> Value:
        return self._member(node, self._value(node.a, scope), scope)

    def _member(self, node: Node, owner: Value, scope: Scope) -> Value:
        ref = name_of(owner, node.b)
        if owner.ref is None and (known := self._attributes.get(node.b)) is not None:
            return Value(known.ref, known.const, merge((known, owner)))
        if node.b in self._functions and (owner.ref is None or owner.ref.startswith(LOCAL)):
            self._edge(scope, node.b)
            return Value(LOCAL + node.b, None, owner.labels)
        labels = owner.labels | ({"environ"} if ref == "os.environ" else frozenset())
        if owner.ref == "sys.modules" or (owner.ref or "").endswith((".__dict__", ".__builtins__")):
            return Value(ref, None, labels)
        return Value(plain_name(ref), None, labels)

    def _item_node(self, node: Node, scope: Scope) -> Value:
        owner = self._value(node.a, scope)
        keys = [self._value(one, scope) for one in node.b]
        key = keys[0].text() if len(keys) == 1 else None
        if owner.ref == "os.environ":
            return Value(None, None, frozenset({f"env:{(key or UNKNOWN)[:60]}"}))
        if owner.ref in {"sys.modules", "globals()", "locals()", "vars()", "__builtins__", "__builtins__.__dict__",
                         "builtins.__dict__"} and key:  # fmt: skip
            return self._reached(owner, key, keys[0])
        if key in BUILTINS and node.a.kind == "attribute" and node.a.b in {"__builtins__", "__globals__", "__dict__"}:
            return Value(key, None, owner.labels | {"computed"})
        if isinstance(owner.const, str | bytes | tuple) and len(owner.const) <= 4096 * 64:
            return Value(None, sliced(owner.const, node.b, keys), owner.labels | merge(keys))
        if (owner.ref or "").endswith(".__dict__") and key:
            return Value(name_of(Value((owner.ref or "").removesuffix(".__dict__")), key), None, owner.labels | {"computed"})
        return Value(None, None, owner.labels)

    def _reached(self, owner: Value, key: str, source: Value) -> Value:
        """Return what a name looked up in a table of names is."""
        known = self._program.module.names.get(key)
        if owner.ref in {"globals()", "locals()", "vars()"} and known is not None:
            return Value(known.ref, known.const, known.labels | source.labels)
        return Value(plain_name(key), None, source.labels | {"computed"})

    def _chain_node(self, node: Node, scope: Scope) -> Value:
        values = [self._value(one, scope) for one in node.a]
        labels = merge(values)
        found: Any = values[0].const
        for operator, value in zip(node.b, values[1:], strict=True):
            if operator == "+":
                self._budget.spend("operations", weight(found) + weight(value.const))
                found, partial = add(found, value.const)
                labels |= {"partial"} if partial and isinstance(found, str) else {"computed"} if isinstance(found, str) else set()
            elif operator in {"if", "else", "or", "and"}:
                found = found if found is not None else value.const
            else:
                found = arithmetic(operator, found, value.const)
        ref = next((one.ref for one in values if one.ref), None) if set(node.b) <= {"if", "else", "or", "and"} else None
        return Value(ref, found, labels)

    def _list_node(self, node: Node, scope: Scope) -> Value:
        values = [self._value(one, scope) for one in node.a]
        const = tuple(one.const for one in values) if len(values) <= 65536 else None
        return Value(None, const, merge(values))

    _tuple_node = _set_node = _list_node

    def _dict_node(self, node: Node, scope: Scope) -> Value:
        return Value(None, None, merge([self._value(one, scope) for one in node.a]))

    def _each_node(self, node: Node, scope: Scope) -> Value:
        inner = Scope("class", "<each>", scope)
        sources = [self._bound(target, source, inner) for target, source in node.b]
        values = [*sources, *(self._value(one, inner) for one in node.c), self._value(node.a, inner)]
        const = None
        if len(sources) == 1 and not node.c and node.b[0][0].kind == "name" and isinstance(sources[0].const, tuple | str | bytes):
            const = self._unrolled(node, sources[0].const, inner)
        return Value(None, const, merge(values) | spelled(const))

    def _bound(self, target: Node, source: Node, scope: Scope) -> Value:
        value = self._value(source, scope)
        self._store(target, Value(None, None, value.labels), scope)
        return value

    def _unrolled(self, node: Node, items: Any, scope: Scope) -> tuple[Any, ...]:
        found = []
        for item in items[:512]:
            scope.names[node.b[0][0].a] = Value(None, item)
            found.append(self._value(node.a, scope, record=False).const)
        return tuple(found)

    def _lambda_node(self, node: Node, scope: Scope) -> Value:
        for one in node.b:
            self._value(one, scope)
        # A lambda's body is taken to run where it stands; its own names are not followed.
        return Value(None, None, self._value(node.a, scope).labels)

    def _assign_node(self, node: Node, scope: Scope) -> Value:
        value = self._value(node.b, scope)
        self._store(node.a, value, scope)
        return value

    def _colon_node(self, _node: Node, _scope: Scope) -> Value:
        return NOTHING

    def _call_node(self, node: Node, scope: Scope) -> Value:
        owner = self._value(node.a.a, scope) if node.a.kind == "attribute" else NOTHING
        function = self._member(node.a, owner, scope) if node.a.kind == "attribute" else self._value(node.a, scope)
        pairs = [(keyword, self._value(value, scope)) for keyword, value in node.b]
        arguments = [value for keyword, value in pairs if keyword in {"", "*"}]
        keywords = {keyword: value for keyword, value in pairs if keyword not in {"", "*"}}
        name = function.ref or (f"?.{node.a.b}" if node.a.kind == "attribute" else "?")
        found = self._known(name, arguments, scope)
        if found is not None and found.ref is not None:
            return found
        labels = merge([value for _, value in pairs]) | (owner.labels if name.startswith("?.") else frozenset())
        if name.rpartition(".")[2] in FILE_METHODS and (path := owner.text()):
            labels |= {f"file:{path[:100]}"}
        labels |= frozenset().union(*(self.downloaded(text) for one in arguments[:1] if (text := first_text(one))))
        inside = scope.function()
        through = handed_on(name, node, self._parameters.get(inside, ()), self._stored.get(inside, ()))
        told = labels | {"handed on"} if through else labels
        self._call(name, node.at, scope, arguments, keywords, told, disguised=not HIDING.isdisjoint(function.labels))
        self._passed_on(node.at, scope, arguments, keywords)
        if name.startswith(LOCAL):
            return self._local(name.removeprefix(LOCAL), arguments, keywords)
        self._written(name, node, scope, arguments, labels)
        return self._result(name, owner, arguments, labels)

    def _known(self, name: str, arguments: list[Value], scope: Scope) -> Value | None:
        """Return the value of calls that only look a name up."""
        if name in {"getattr", "builtins.getattr"} and len(arguments) >= 2 and arguments[0].ref and arguments[1].text():
            ref = name_of(arguments[0], arguments[1].text() or "")
            return Value(plain_name(ref), None, arguments[1].labels & {"decoded", "computed"} | arguments[0].labels)
        if name in {"__import__", "importlib.import_module", "builtins.__import__", "importlib.__import__"} and arguments:
            text = arguments[0].text()
            if text and UNKNOWN not in text:
                if self._final:
                    self.trace.imports.setdefault((text, ""), (-1, scope.function()))
                hidden = arguments[0].labels & {"decoded", "computed"}
                return Value(text if name.endswith("import_module") else text.partition(".")[0], None, hidden)
        return None

    def _call(  # noqa: PLR0917 - what a call is
        self, name: str, at: int, scope: Scope, arguments: list[Value], keywords: dict[str, Value], labels: Iterable[str],
        *, disguised: bool = False,
    ) -> None:  # fmt: skip
        if self._final and not self._silent:
            self.trace.calls.append(Call(name, at, scope.function(), arguments, keywords, frozenset(labels), disguised))

    def _passed_on(self, at: int, scope: Scope, arguments: list[Value], keywords: dict[str, Value]) -> None:
        """Take a function that is handed to another for called, with whatever else is handed over."""
        given = [*arguments, *keywords.values()]
        for one in given:
            if one.ref and one.ref.split(".", 1)[0] in PASSED and not one.ref.endswith("()") and one.ref not in PASSED_MODULES:
                rest = [Value(None, item) for other in given if other is not one for item in items(other)]
                labels = merge([other for other in given if other is not one])
                self._call(one.ref, at, scope, rest, {}, labels, disguised=not HIDING.isdisjoint(one.labels))

    def _local(self, name: str, arguments: list[Value], keywords: dict[str, Value]) -> Value:
        parameters = [one for one in self._parameters.get(name, ()) if one not in {"self", "cls"}]
        for parameter, value in [*zip(parameters, arguments, strict=False), *keywords.items()]:
            known = self._passed.get((name, parameter), NOTHING)
            const = value.const if known == NOTHING or known.const == value.const else None
            self._passed[name, parameter] = Value(value.ref or known.ref, const, merge((known, value)))
        return self._results.get(name, Value(LOCAL + name))

    def _written(self, name: str, node: Node, scope: Scope, arguments: list[Value], labels: frozenset[str]) -> None:
        """Remember files that hold what a server sent or a decoder made: by constant path and by the variable of the path."""
        tainted = labels & {"fetched", "decoded"} | ({"fetched"} if name in FETCHERS else frozenset())
        if not tainted or not (name in FETCHERS or name.rpartition(".")[2] in _WRITERS):
            return
        for label in labels:
            if label.startswith("file:"):
                self._files[label] = self._files.get(label, frozenset()) | tainted
        if name in FETCHERS:
            for argument, (_, source) in zip(arguments[1:], node.b[1:], strict=False):
                if source.kind == "name":
                    self._bind(scope, source.a, Value(None, None, tainted))
                if text := argument.text():
                    self._files[f"file:{text[:100]}"] = tainted

    def downloaded(self, text: str) -> frozenset[str]:
        """Return the labels of a file of that path, if this program wrote it."""
        return self._files.get(f"file:{text[:100]}", frozenset())

    def _result(self, name: str, owner: Value, arguments: list[Value], labels: frozenset[str]) -> Value:
        values = [one.const for one in arguments]
        method = name if name.startswith("?.") else ""
        if method and owner.const is not None:
            values = [owner.const, *values]
        elif name == "map" and len(arguments) == 2 and arguments[0].ref == "chr":
            name, values = "map.chr", [arguments[1].const]
        found = labels | origin(name, arguments)
        if method or "." in name:
            found |= owner.labels
        if name in {"os.getenv", "os.environ.get", "os.environ.pop"}:
            return Value(None, None, frozenset({f"env:{((arguments[0].text() if arguments else None) or UNKNOWN)[:60]}"}))
        const = self._fold.call(name, values)
        if name == "?.join" and const and isinstance(const, str):
            found |= {"computed"}
        found -= {"environ"} if name.startswith("os.environ.") and name != "os.environ.copy" else set()
        return Value(f"{name}()" if not method and name != "?" else None, const, found)
