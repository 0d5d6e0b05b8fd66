"""Entities in XML."""

from __future__ import annotations

import pytest
from tests.support.judging import judged, rules_of


@pytest.mark.parametrize("name", ["x", "% x"])
@pytest.mark.parametrize("where", ['SYSTEM "file:///etc/hostname"', "PUBLIC 'a' 'http://example.com/x'"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_external_entities_are_malicious(name: str, where: str, encoding: str) -> None:
    """General and parameter entities, by file and by address, make a parser read them."""
    text = f'<?xml version="1.0"?><!-- c --><!DOCTYPE p [<!ENTITY {name} {where}>]><PMML/>'
    assert rules_of(judged(text.encode(encoding), "m.pmml")) == {"XML-ENTITY-EXTERNAL"}


def test_entities_that_explode_are_suspicious() -> None:
    """Ten references each, a dozen levels deep, are a billion laughs."""
    lines = "".join(f'<!ENTITY e{at} "{f"&e{at - 1};" * 10 if at else "lol"}">' for at in range(12))
    assert rules_of(judged(f"<!DOCTYPE r [{lines}]><r>&e11;</r>".encode(), "m.xml")) == {"XML-ENTITY-BOMB"}


def test_ordinary_documents_are_safe() -> None:
    """Small entities and document types of well-known languages are no finding."""
    for text in (
        '<!DOCTYPE p [<!ENTITY x "text">]><p>&x;</p>',
        '<!DOCTYPE html PUBLIC "a" "http://www.w3.org/x.dtd"><html/>',
        "<?xml?><net/>",
    ):
        assert judged(text.encode(), "m.xml").findings == ()


def test_too_many_entities_are_not_followed() -> None:
    """Hundreds of declarations are reported instead of read."""
    lines = "".join(f'<!ENTITY e{at} "x">' for at in range(300))
    assert rules_of(judged(f"<!DOCTYPE r [{lines}]><r/>".encode(), "m.xml")) == {"XML-ENTITY-BOMB"}
