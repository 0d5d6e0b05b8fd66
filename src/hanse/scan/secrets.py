"""Secrets in text files: private keys, tokens of providers, service accounts.

A leaked secret endangers who published it, not who loads the file. The secret itself never enters the facts: only its kind,
place, length and a short fingerprint that lets its owner find it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import pairwise

from hanse.scan.budget import MIB
from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source, pieces
from hanse.scan.walk import ViewBuilder, Walk

MAX_SIZE = 16 * MIB
"""Longer texts are vocabularies and data sets."""
MAX_SEEN = 50
OVERLAP = 8192
_WORD = rb"(?<![A-Za-z0-9_\-/+])"
_END = rb"(?![A-Za-z0-9_\-/+=])"
_KINDS: dict[str, bytes] = {
    "Hugging Face token": rb"hf_[A-Za-z]{34}",
    "GitHub token": rb"gh[pousr]_[A-Za-z0-9]{36}",
    "GitHub fine-grained token": rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
    "GitLab token": rb"glpat-[A-Za-z0-9_\-]{20}",
    "OpenAI key": rb"sk-(?:proj-|svcacct-)?[A-Za-z0-9_\-]{20,80}T3BlbkFJ[A-Za-z0-9_\-]{20,80}",
    "Anthropic key": rb"sk-ant-(?:api|admin)\d\d-[A-Za-z0-9_\-]{80,100}",
    "Google API key": rb"AIza[A-Za-z0-9_\-]{35}",
    "Slack token": rb"xox[abprs]-\d{10,13}-\d{10,13}-[A-Za-z0-9\-]{20,60}",
    "Stripe key": rb"sk_live_[A-Za-z0-9]{24,99}",
    "package index token": rb"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_\-]{50,200}",
    "npm token": rb"npm_[A-Za-z0-9]{36}",
    "AWS access key": rb"(?:AKIA|ASIA)[A-Z2-7]{16}",
}
_TOKENS = re.compile(
    _WORD + b"(?:" + b"|".join(b"(%s)" % pattern for pattern in _KINDS.values()) + b")" + _END
    + rb"|(-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY-----(?:\\n|\s)[A-Za-z0-9+/=\\\s]{200,8000}?-----END )"
)  # fmt: skip
ASSIGNED, EXAMPLE = "assigned value", "assigned example"
_NAMES = (*_KINDS, "private key")
_HINTS = (b"hf_", b"gh", b"glpat-", b"sk-", b"sk_live_", b"AIza", b"xox", b"pypi-Ag", b"npm_", b"AKIA", b"ASIA", b"PRIVATE KEY")
_ASSIGNED = re.compile(
    rb"(?im)^[ \t]*(?:export[ \t]+)?([A-Z0-9_]{2,60}(?:TOKEN|KEY|SECRET|PASSWORD|PASSWD))[ \t]*=[ \t]*[\"']?([^\s\"'#]{8,200})"
)
_EXAMPLE = re.compile(
    rb"(?i)example|sample|dummy|placeholder|changeme|your|xxxx|\*\*\*|<|\.\.\.|\$\{|test|fake|1234567|abcdefg|redacted|insert|todo_"
)


def claims(head: bytes, source: Source) -> bool:
    """Tell whether this is a text of a size in which people leave secrets, with the beginning of one in it."""
    if not head or b"\0" in head or source.size > MAX_SIZE:
        return False
    text = head if source.size <= len(head) else source.read_at(0, MAX_SIZE)
    return any(hint in text for hint in _HINTS) or (len(text) < 65536 and _ASSIGNED.search(text) is not None)


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Write down kind, place, length and fingerprint of everything that has the form of a secret."""
    walk.budget.spend("operations", source.size // 8)
    before, start, seen = b"", 0, set[str]()
    for piece in pieces(source):
        text = before + piece
        for kind, at, secret in _found(text, source.size):
            mark = hashlib.sha256(secret).hexdigest()[:8]
            if mark not in seen and len(seen) < MAX_SEEN:
                seen.add(mark)
                view.see("secret", start - len(before) + at, secret=kind, length=len(secret), fingerprint=mark)
        start += len(piece)
        before = text[-OVERLAP:]


def _found(text: bytes, size: int) -> Iterator[tuple[str, int, bytes]]:
    for found in _TOKENS.finditer(text):
        secret = found.group()
        kind = _NAMES[(found.lastindex or 1) - 1]
        if kind == "private key" or is_random(secret):
            yield kind, found.start(), secret
    if size < 65536:
        for found in _ASSIGNED.finditer(text):
            if not _TOKENS.fullmatch(found[2]) or not is_random(found[2]):
                yield ASSIGNED if is_random(found[2]) else EXAMPLE, found.start(2), found[2]


def is_random(secret: bytes) -> bool:
    """Tell whether letters look drawn by chance rather than written as an example: many different ones, no runs, no words."""
    body = secret[4:]
    if _EXAMPLE.search(secret) or len(set(body)) < min(10, len(body) // 2 + 1):
        return False
    # Steps of one, as in abcdef and 456789, are rare among random letters.
    steps = sum(abs(left - right) <= 1 for left, right in pairwise(body))
    folded = body.lower()
    rises = sum(right - left == 1 for left, right in pairwise(folded))
    return steps * 4 <= len(body) and rises * 4 <= len(body)


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules for secrets; assignments count only in files of settings, where values are meant to be real."""
    files = context.rules.names("secrets", "files")
    settings = context.name_of(view.member) in files or context.suffix_of(view.member) in files
    for one in view.all("secrets.secret"):
        words = {"kind": one.data["secret"], "fingerprint": one.data["fingerprint"]}
        if one.data["secret"] not in {ASSIGNED, EXAMPLE}:
            yield Hit("SECRET-TOKEN", view.member, one.at, words=words)
        elif settings:
            yield Hit("SECRET-SETTING" if one.data["secret"] == ASSIGNED else "SECRET-FILE", view.member, one.at, words=words)


FORMATS = (Format("secrets", False, judge, claims, observe),)
