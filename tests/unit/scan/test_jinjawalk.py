"""What templates reach for."""

from __future__ import annotations

import pytest
from tests.samples.texts import CHATML, ESCAPES, LLAMA3, TOOLS

from hanse.scan.budget import Budget, OverBudget, limits_for
from hanse.scan.jinjaparse import parse
from hanse.scan.jinjawalk import TemplateWalk
from hanse.scan.source import BytesSource, Source
from hanse.scan.walk import Walk


def _nothing(_source: Source, _member: str, _walk: Walk) -> None:
    """Describe nothing."""


def seen(text: str) -> set[tuple[str, ...]]:
    """Return (kind, name, how) of what a walk records."""
    walk = Walk(Budget(limits_for(0)), _nothing)
    with walk.view("template", "", BytesSource(b""), executes=True) as view:
        TemplateWalk(view, walk).run(parse(text))
    (made,) = walk.views()
    assert made.stopped is None
    return {(one.kind.split(".")[1], str(one.data.get("name", "")), str(one.data.get("how", ""))) for one in made.observations}


@pytest.mark.parametrize("name", ESCAPES)
def test_every_escape_leaves_a_trace(name: str) -> None:
    """Each way out of a sandbox is recorded, whatever it is put together from."""
    if name != "frame":
        assert {kind for kind, _, _ in seen(ESCAPES[name])} & {"access", "computed", "format", "loads"}


@pytest.mark.parametrize("text", [CHATML, LLAMA3, TOOLS, "{{ message['a' if b else 'c'] }}"])
def test_ordinary_templates_leave_none(text: str) -> None:
    """Fields, namespaces, macros and text methods are nothing to record."""
    assert {kind for kind, _, _ in seen(text)} <= {"uses"}


@pytest.mark.parametrize(
    ("text", "trace"),
    [
        ("{{ a.__class__ }}", ("access", "__class__", "attribute")),
        ("{{ a['__cla' 'ss__'] }}", ("access", "__class__", "item")),
        ("{{ a|attr('__init__') }}", ("access", "__init__", "attr")),
        ("{{ a|map(attribute='b.__class__') }}", ("access", "__class__", "argument")),
        ("{{ '__glo' ~ 'bals__' }}", ("access", "__globals__", "built")),
        ("{% if a %}{% set k='x' %}{% else %}{% set k='__class__' %}{% endif %}{{ b[k] }}", ("access", "__class__", "item")),
        ("{% for k in ['a', '__class__'] %}{{ b[k] }}{% endfor %}", ("access", "__class__", "item")),
        ("{% with k='__class__' %}{{ b[k] }}{% endwith %}", ("access", "__class__", "item")),
        ("{% set k %}__cla{% endset %}{{ b[k ~ 'ss__'] }}", ("access", "__class__", "item")),
        ("{% set p = '__%s__' %}{{ b[p % 'class'] }}", ("access", "__class__", "item")),
        ("{{ b[['__class', '__']|join('')] }}", ("access", "__class__", "item")),
        ("{{ b[''.join(['__', chr(99), 'lass__'])] }}", ("access", "__class__", "item")),
        ("{% macro m() %}__class__{% endmacro %}{{ b[m()] }}", ("access", "__class__", "item")),
        ("{{ b['__class__'|truncate] }}", ("access", "__class__", "argument")),
        ("{{ b|attr(c) }}", ("computed", "", "attr")),
        ("{{ b[c ~ d] }}", ("computed", "", "item")),
        ("{{ '{0.__class__}'.format(b) }}", ("format", "", "")),
        ("{% import 'x' as y %}", ("loads", "x", "import")),
        ("{{ __builtins__ }}", ("access", "__builtins__", "name")),
    ],
)
def test_names_are_folded_to_what_they_are(text: str, trace: tuple[str, str, str]) -> None:
    """The name that is reached for is recorded, and how."""
    assert trace in seen(text)


def test_loops_over_constants_are_unrolled_within_bounds() -> None:
    """Nested loops over long constants end soon; what follows them is still seen."""
    loops = "".join(f"{{% for {name} in '{'x' * 60}' %}}" for name in "abcdef")
    assert ("access", "__class__", "attribute") in seen(loops + "{{ a }}" + "{% endfor %}" * 6 + "{{ a.__class__ }}")


def test_the_walk_is_budgeted() -> None:
    """Visits spend operations."""
    walk = Walk(Budget(limits_for(0) | {"operations": 1_000}), _nothing)
    with walk.view("template", "", BytesSource(b""), executes=True) as view, pytest.raises(OverBudget):
        TemplateWalk(view, walk).run(parse("{{ a }}" * 100))
