"""Cards as HTML: Markdown by strangers, rendered so that nothing of it can run, load from elsewhere, or speak for the node.

HTML in the Markdown stays text. Images come from the repository itself; others become links. Links leave without referrer or
credit. Rendering is bounded in length, and by the library in nesting.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from posixpath import normpath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

MAX_LENGTH = 64_000
"""Characters of a card that are rendered; the file itself is always whole."""
_REL = "nofollow noopener noreferrer ugc"


def _inside(target: str) -> str | None:
    """Return the quoted path inside the repository that a relative address means, or None if it leads out of it."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
        return None
    path = normpath(unquote(parts.path))
    return None if path.startswith("../") or path in ("..", ".") else quote(path)


def _link(token: Token, place: str) -> None:
    target = str(token.attrGet("href") or "")
    path = _inside(target)
    if path is not None:
        token.attrSet("href", f"{place}/blob/main/{path}")
    elif not target.startswith("#"):
        token.attrSet("rel", _REL)


def _image(token: Token, place: str) -> Token:
    """Return an image of this repository, or in place of any other a text that names it."""
    target = str(token.attrGet("src") or "")
    path = _inside(target)
    if path is not None:
        token.attrSet("src", f"{place}/resolve/main/{path}")
        token.attrSet("loading", "lazy")
        return token
    shown = Token("text", "", 0)
    shown.content = f"[image not loaded: {token.content or target}]"
    return shown


def _rewrite(tokens: Sequence[Token], place: str) -> None:
    for token in tokens:
        if token.children:
            token.children = [_image(child, place) if child.type == "image" else child for child in token.children]
            for child in token.children:
                if child.type == "link_open":
                    _link(child, place)


def _parser() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "maxNesting": 20, "linkify": False})
    return made.enable(["table", "strikethrough"])


@lru_cache(maxsize=128)
def render(text: str, place: str) -> tuple[Markup, bool]:
    """Return (HTML of Markdown `text`, whether it is all of it); place: address of the repository's page, as `/a/b`."""
    parser = _parser()
    environment: dict[str, Any] = {}
    tokens = parser.parse(text[:MAX_LENGTH], environment)
    _rewrite(tokens, place)
    html = parser.renderer.render(tokens, parser.options, environment)
    # The library escaped every text; HTML of the source is off.
    return Markup(html), len(text) <= MAX_LENGTH  # noqa: S704
