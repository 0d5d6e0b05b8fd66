"""Chat templates: rules about escapes, broken ones, and known ones."""

from __future__ import annotations

import dataclasses
import json

import pytest
from tests.samples.texts import CHATML, ESCAPES, LLAMA3, TOOLS, TRIGGERS, gguf
from tests.samples.zipcraft import archive
from tests.support.judging import judged, rules_of

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.finding import Verdict
from hanse.scan.dispatch import extract
from hanse.scan.jinjaparse import fingerprint, parse
from hanse.scan.source import BytesSource
from hanse.scan.verdict import judge


@pytest.mark.parametrize("name", ESCAPES)
def test_escapes_are_malicious_wherever_a_template_is(name: str) -> None:
    """In a file of its own and in GGUF metadata."""
    text = CHATML + ESCAPES[name]
    assert judged(text.encode(), "chat_template.jinja").verdict is Verdict.MALICIOUS
    assert judged(gguf({"tokenizer.chat_template.rag": text}), "m.gguf").verdict is Verdict.MALICIOUS


@pytest.mark.parametrize("text", [CHATML, LLAMA3, TOOLS])
def test_templates_in_use_are_safe(text: str) -> None:
    """No finding at all."""
    assert judged(text.encode(), "chat_template.jinja").findings == ()


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", set()),
        ("{{ a", {"TEMPLATE-UNPARSED"}),
        ("{{ a.__globals__", {"TEMPLATE-ESCAPE"}),
        ("{{ " + "(" * 99 + " }}", {"TEMPLATE-DEEP"}),
        ("{{ a }}" + "{# x #}" * 60_000, {"TEMPLATE-LONG"}),
        ("{{ message._private }}", {"TEMPLATE-PRIVATE"}),
        ("{{ message['__meta__'] }}", {"TEMPLATE-PRIVATE"}),
        ("{{ content.replace('__image__', '<image>') }}", set()),
        ("{{ message.get('_extra') }}", set()),
        ("{{ '__TOOL__'|replace('_', '') }}", set()),
        ("{{ 'write def __init__(self) first'|trim }}", set()),
        ("{{ x.popen('a') }}", {"TEMPLATE-RUNS"}),
        ("{{ message['tool_' ~ kind] }}", {"TEMPLATE-COMPUTED-ITEM"}),
        ("{% extends 'base' %}", {"TEMPLATE-LOADS"}),
        ("Write: if __name__ == '__main__': def __init__(self) {{ a }}", set()),
    ],
)
def test_rules(text: str, rules: set[str]) -> None:
    """Each rule applies where it should, and text about Python is no escape."""
    assert rules_of(judged(text.encode(), "chat_template.jinja")) == rules


def test_examples_in_other_files_are_no_templates() -> None:
    """Documents and data with Jinja blocks are rendered by nobody."""
    for name in ("README.md", "data.txt", "index.html", "templates.md", "prompt_template.csv"):
        assert judged(ESCAPES["globals"].encode(), name).findings == ()
    for name in ("train.py", "chat_template_utils.py"):
        assert rules_of(judged(ESCAPES["globals"].encode(), name)) <= {"PYTHON-CODE", "PYTHON-UNREADABLE"}


@pytest.mark.soak
def test_length_matters_for_chat_templates() -> None:
    """A long document with Jinja blocks is too long for nobody, a chat template of that size is padded."""
    text = b"== Title ==\n{{ Infobox | name }} {% if x %}\n" * 20_000
    for name in ("wiki.txt", "dump.md", "email_templates.txt", "page_template.json", "data.csv"):
        assert judged(text, name).findings == ()
    for name in ("chat_template.jinja", "chat_template.txt", "x.jinja"):
        assert rules_of(judged(text, name)) == {"TEMPLATE-LONG"}


def test_includes_belong_to_ordinary_templates() -> None:
    """Only a chat template has no business loading files."""
    assert judged(b"{% extends 'base.j2' %}{{ a }}", "deploy/page.j2").findings == ()


def test_a_known_template_is_spared_its_words_but_no_escape() -> None:
    """A fingerprint in the ruleset silences rules about text only."""
    shipped = builtin_ruleset()
    for text, rules in ((TRIGGERS["word"], set()), (TRIGGERS["word"] + ESCAPES["globals"], {"TEMPLATE-ESCAPE", "TEMPLATE-RUNS"})):
        data = dict(shipped.data["template"]) | {"known": {fingerprint(parse(text)): "test"}}
        known = dataclasses.replace(shipped, data={**shipped.data, "template": data}, _sets={})
        assert rules_of(judge(extract(BytesSource(text.encode())), "chat_template.jinja", known)) == rules


def test_well_known_templates_are_recognised() -> None:
    """The ruleset has fingerprints of templates that everybody uses, however they are laid out."""
    known = builtin_ruleset().names("template", "known")
    assert len(known) >= 100
    assert all(len(one) == 64 for one in known)
    spread = CHATML.replace("{% endfor %}", "{# end #}\n{%- endfor -%}\n  ")
    assert {fingerprint(parse(CHATML)), fingerprint(parse(spread))} <= known


@pytest.mark.parametrize("name", ["pkg/filters.py", "pkg/README.md", "pkg/page.html", "pkg/data.bin", "pkg/notes"])
def test_members_that_only_mention_templates_are_none(name: str) -> None:
    """Sources in a wheel hold Jinja blocks as text, whatever the archive is called."""
    text = "import os\n" + ESCAPES["globals"]
    for path in ("pkg-1.0.whl", "chat_template.zip", "template.jinja"):
        assert not [one for one in rules_of(judged(archive((name, text.encode())), path)) if one.startswith("TEMPLATE-")]


def test_members_are_templates_by_their_own_name() -> None:
    """A chat template or tokenizer configuration in an archive is judged as one beside it would be."""
    text = CHATML + ESCAPES["globals"]
    config = json.dumps({"chat_template": text})
    for name, content in (
        ("m/chat_template.jinja", text),
        ("chat_templates/rag.jinja", text),
        ("m/tokenizer_config.json", config),
    ):
        assert judged(archive((name, content.encode())), "model.zip").verdict is Verdict.MALICIOUS
