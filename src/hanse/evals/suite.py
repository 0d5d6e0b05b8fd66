"""A suite: what is asked, how it is decoded, scored and compared, all fixed and signed before any run.

Two files of a repository's revision: `suite.json`, the manifest, and `items.jsonl`, a line of canonical JSON for each item. The
manifest names the Merkle root of the items, so that a part of them can be shown and proved. Only runs of equal manifests are
compared.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hanse.errors import BadFormat, TooLarge
from hanse.evals.compare import Terms
from hanse.evals.fixed import fixed, parse_fixed
from hanse.model.canonical import canonical, parse_canonical
from hanse.model.merkle import merkle_root

FORMAT = "hanse-suite/1"
MAX_MANIFEST_BYTES = 64 * 1024
MAX_ITEM_BYTES = 256 * 1024
MAX_ITEMS_BYTES = 256 * 1024 * 1024
MAX_ITEMS = 100_000
MAX_TOKENS = 32_768
MAX_EPOCHS = 1000
MIN_SAMPLED_EPOCHS = 3
"""A suite that samples asks each item as often at least: one shot agrees with many in nine of ten cases only."""
WITHIN_ONE_ITEM = ("within-one-item", "1")
"""The rule of `hanse.evals.compare.degenerate`: a score within one item of 0 or 1 says nothing by agreement alone."""
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}")
_ROLES = ("system", "user", "assistant")


class Request(str, Enum):
    """How a model is asked: by messages, by a text that it goes on with, or which of several texts goes on best."""

    CHAT = "chat"
    COMPLETION = "completion"
    LOGLIKELIHOOD = "loglikelihood"


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are drawn. temperature: 0 is greedy; top_p: 1 is everything; tokens: at most so many; seed: of sampling."""

    temperature: float
    top_p: float
    tokens: int
    stop: tuple[str, ...] = ()
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as the manifest has it."""
        said: dict[str, Any] = {"temperature": fixed(self.temperature), "topP": fixed(self.top_p), "tokens": self.tokens}
        return said | {"stop": list(self.stop), "seed": self.seed}


@dataclass(frozen=True, slots=True)
class Item:
    """One question.

    messages: (role, text) each; choices: the texts between which a log-likelihood decides; target: what the scorer holds the
    answer against; cluster: items that stand or fall together.
    """

    id: str
    cluster: str
    messages: tuple[tuple[str, str], ...]
    target: str = ""
    choices: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Return the item's line, without a newline; also the bytes of its Merkle leaf."""
        said: dict[str, Any] = {"id": self.id, "cluster": self.cluster, "messages": [list(one) for one in self.messages]}
        return canonical(said | {"target": self.target, "choices": list(self.choices)})


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite with its items. delta, agreement_min: see `hanse.evals.compare.Terms`; risks: ids of a risk vocabulary.

    scorer: name and version of a scorer; degenerate: name and version of the rule by which a score says nothing, None where the
    manifest leaves it out, which means the same. Raises BadFormat on construction for what no comparison could rest on.
    """

    name: str
    version: str
    license: str
    request: Request
    decoding: Decoding
    scorer: tuple[str, str]
    epochs: int
    delta: float
    agreement_min: float
    lower_is_better: bool
    items: tuple[Item, ...]
    risks: tuple[str, ...] = ()
    degenerate: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        ids = {one.id for one in self.items}
        if len(ids) != len(self.items) or not ids:
            raise BadFormat(
                f"a suite has items, each with an id of its own; {self.name} has {len(self.items)} with {len(ids)} ids"
            )
        Terms(self.delta, self.agreement_min, len(self.items))
        if self.decoding.temperature > 0 and self.epochs < MIN_SAMPLED_EPOCHS:
            raise BadFormat(f"a suite that samples asks each item {MIN_SAMPLED_EPOCHS} times at least, not {self.epochs}")
        if any((self.request is Request.LOGLIKELIHOOD) != bool(one.choices) for one in self.items):
            raise BadFormat("exactly the items of a log-likelihood suite have choices")

    @property
    def terms(self) -> Terms:
        """What it says about comparing."""
        return Terms(self.delta, self.agreement_min, len(self.items))

    @property
    def items_root(self) -> str:
        """Merkle root over the items, in hex."""
        return merkle_root([one.encode() for one in self.items]).hex()

    def manifest(self) -> bytes:
        """Return the bytes of `suite.json`."""
        rule = {} if self.degenerate is None else {"degenerate": list(self.degenerate)}
        return canonical(
            {
                "format": FORMAT,
                "name": self.name,
                "version": self.version,
                "license": self.license,
                "request": self.request.value,
                "decoding": self.decoding.to_json(),
                "scorer": list(self.scorer),
                "epochs": self.epochs,
                "delta": fixed(self.delta),
                "agreementMin": fixed(self.agreement_min),
                "lowerIsBetter": self.lower_is_better,
                "items": len(self.items),
                "itemsRoot": self.items_root,
                "risks": list(self.risks),
            }
            | rule
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, in hex: what the suite is called in records."""
        return hashlib.sha256(self.manifest()).hexdigest()

    def lines(self) -> bytes:
        """Return the bytes of `items.jsonl`."""
        return b"".join(one.encode() + b"\n" for one in self.items)


def claim_key(model: str, suite: Suite) -> str:
    """Return the key of a claim: SHA-256 over model and suite, in hex. Only results with one key are about the same thing.

    model: digest of the model's manifest. The protocol is part of the suite; engine, hardware, time and people are not in it.
    """
    return hashlib.sha256(canonical({"model": model, "suite": suite.digest})).hexdigest()


_FIELDS = {
    *("format", "name", "version", "license", "request", "decoding", "scorer", "epochs", "delta", "agreementMin"),
    *("lowerIsBetter", "items", "itemsRoot", "risks"),
}


def parse_suite(manifest: bytes, lines: bytes) -> Suite:
    """Return the suite in `suite.json` and `items.jsonl`; raises TooLarge, or BadFormat for what is not exactly one."""
    said = parse_canonical(manifest, "suite.json", MAX_MANIFEST_BYTES)
    if said.keys() - {"degenerate"} != _FIELDS or said["format"] != FORMAT:
        raise BadFormat(f"suite.json has the format {FORMAT} and the fields {', '.join(sorted(_FIELDS))}, and degenerate or not")
    suite = Suite(
        name=_text(said["name"], _NAME, "the name of a suite"),
        version=_text(said["version"], _NAME, "the version of a suite"),
        license=_free(said["license"], 100, "the licence of a suite"),
        request=_request(said["request"]),
        decoding=_decoding(said["decoding"]),
        scorer=_scorer(said["scorer"]),
        epochs=_count(said["epochs"], 1, MAX_EPOCHS, "epochs"),
        delta=parse_fixed(said["delta"], "delta", 0, 0.5),
        agreement_min=parse_fixed(said["agreementMin"], "agreementMin", 0, 1),
        lower_is_better=_flag(said["lowerIsBetter"]),
        items=_items(lines),
        risks=tuple(_text(one, _ID, "a risk") for one in _list(said["risks"], 100, "risks")),
        degenerate=_degenerate(said["degenerate"]) if "degenerate" in said else None,
    )
    root = merkle_root(lines.split(b"\n")[:-1]).hex()  # the lines are canonical: they are the leaves
    if (said["items"], said["itemsRoot"]) != (len(suite.items), root):
        raise BadFormat(f"items.jsonl has {len(suite.items)} items with root {root}, suite.json says otherwise")
    return suite


def _items(data: bytes) -> tuple[Item, ...]:
    if len(data) > MAX_ITEMS_BYTES or data.count(b"\n") > MAX_ITEMS:
        raise TooLarge(f"a suite has at most {MAX_ITEMS:,} items and {MAX_ITEMS_BYTES:,} bytes of them")
    rows = data.split(b"\n")
    if rows.pop() != b"":
        raise BadFormat("items.jsonl ends with a newline")
    return tuple(map(_item, rows))


def _item(line: bytes) -> Item:
    said = parse_canonical(line, "an item", MAX_ITEM_BYTES)
    if said.keys() != {"id", "cluster", "messages", "target", "choices"}:
        raise BadFormat("an item has id, cluster, messages, target and choices")
    messages = []
    for one in _list(said["messages"], 100, "messages"):
        if type(one) is not list or len(one) != 2 or one[0] not in _ROLES:
            raise BadFormat(f"a message is a role ({', '.join(_ROLES)}) and a text")
        messages.append((str(one[0]), _free(one[1], MAX_ITEM_BYTES, "a message")))
    if not messages:
        raise BadFormat("an item has a message")
    choices = tuple(_free(one, MAX_ITEM_BYTES, "a choice") for one in _list(said["choices"], 100, "choices"))
    target = _free(said["target"], MAX_ITEM_BYTES, "a target")
    return Item(_text(said["id"], _ID, "an id"), _text(said["cluster"], _ID, "a cluster"), tuple(messages), target, choices)


def _decoding(value: object) -> Decoding:
    if type(value) is not dict or value.keys() != {"temperature", "topP", "tokens", "stop", "seed"}:
        raise BadFormat("decoding has temperature, topP, tokens, stop and seed")
    return Decoding(
        parse_fixed(value["temperature"], "temperature", 0, 10),
        parse_fixed(value["topP"], "topP", 0, 1),
        _count(value["tokens"], 0, MAX_TOKENS, "tokens"),
        tuple(_free(one, 200, "a stop text") for one in _list(value["stop"], 16, "stop")),
        _count(value["seed"], 0, 2**31 - 1, "seed"),
    )


def _request(value: object) -> Request:
    try:
        return Request(value)
    except ValueError as error:
        raise BadFormat(f"request is {', '.join(one.value for one in Request)}, not {str(value)[:40]!r}") from error


def _scorer(value: object) -> tuple[str, str]:
    if type(value) is not list or len(value) != 2:
        raise BadFormat("scorer is a name and a version")
    return _text(value[0], _NAME, "a scorer"), _text(value[1], _NAME, "the version of a scorer")


def _degenerate(value: object) -> tuple[str, str]:
    if value != list(WITHIN_ONE_ITEM):
        raise BadFormat(f"the one rule for scores that say nothing is {' '.join(WITHIN_ONE_ITEM)}, got {str(value)[:60]}")
    return WITHIN_ONE_ITEM


def _list(value: object, most: int, what: str) -> Sequence[Any]:
    if type(value) is not list or len(value) > most:
        raise BadFormat(f"{what} is a list of at most {most}")
    return value


def _text(value: object, form: re.Pattern[str], what: str) -> str:
    if type(value) is not str or form.fullmatch(value) is None:
        raise BadFormat(f"{what} has the form {form.pattern}, got {str(value)[:60]!r}")
    return value


def _free(value: object, most: int, what: str) -> str:
    if type(value) is not str or len(value) > most:
        raise BadFormat(f"{what} is a text of at most {most:,} characters")
    return value


def _count(value: object, least: int, most: int, what: str) -> int:
    if type(value) is not int or not least <= value <= most:
        raise BadFormat(f"{what} is a number from {least} to {most:,}, got {str(value)[:40]!r}")
    return value


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise BadFormat("lowerIsBetter is true or false")
    return value
