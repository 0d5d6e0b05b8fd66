"""Every field that the Hub API says about a repository, made only where it is asked for (hub-api.md A.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from hanse.clock import hub_time
from hanse.content.card import texts
from hanse.content.facts import transformers_info
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.flows.evalresults import eval_results
from hanse.flows.gguf import gguf_summary
from hanse.flows.listing import RevisionListing
from hanse.flows.node import Node
from hanse.model.repo import RepoType
from hanse.web.hub.shapes import object_id, sibling_json


@dataclass
class Subject:
    """What is described. revision, listing: None where only the repository is; blobs: whether siblings carry sizes.

    base: address of this node as the caller sees it.
    """

    node: Node
    repo: Repo
    revision: Revision | None = None
    listing: RevisionListing | None = None
    blobs: bool = False
    base: str = ""

    @cached_property
    def card(self) -> Mapping[str, Any]:
        """The card's data of `main`."""
        return _object(self.repo.card)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The configuration's subset of `main`."""
        return _object(self.repo.config)


def _object(text: str | None) -> Mapping[str, Any]:
    found = msgspec.json.decode(text) if text else {}
    return found if isinstance(found, dict) else {}


def _siblings(subject: Subject) -> list[dict[str, Any]]:
    listing = subject.listing
    return [] if listing is None else [sibling_json(entry, blobs=subject.blobs) for entry in listing.directory.entries()]


def _hanse(subject: Subject) -> dict[str, Any]:
    """Return what only Hanse says; `rung` is how much the statement is worth (DESIGN.md section 3, idea 6)."""
    revision = subject.revision
    found = {"origin": subject.repo.repo.origin, "rung": "local", "visibility": subject.repo.visibility.value}
    return found if revision is None else found | {"tree": revision.tree, "state": revision.state}


def _gguf(subject: Subject) -> dict[str, Any] | None:
    return None if subject.listing is None else gguf_summary(subject.node, subject.repo, subject.listing)


def _eval_results(subject: Subject) -> list[dict[str, Any]] | None:
    if subject.listing is None or subject.revision is None:
        return None
    return eval_results(subject.node, subject.repo, subject.revision.rev, subject.listing, subject.base)


def _base_models(subject: Subject) -> dict[str, Any] | None:
    bases = texts(subject.card.get("base_model"))
    relation = subject.card.get("base_model_relation")
    if not bases:
        return None
    return {"relation": relation if isinstance(relation, str) else "finetune", "models": [{"id": one} for one in bases[:50]]}


def _sha(subject: Subject) -> str | None:
    return subject.repo.head if subject.revision is None else subject.revision.rev


def _tokenizer(subject: Subject) -> Mapping[str, Any]:
    found = subject.config.get("tokenizer_config")
    return found if isinstance(found, dict) else {}


_Field = Callable[[Subject], Any]
_COMMON: dict[str, _Field] = {
    "author": lambda subject: subject.repo.repo.namespace,
    "cardData": lambda subject: subject.card,
    "createdAt": lambda subject: hub_time(subject.repo.created_at),
    "disabled": lambda subject: subject.repo.disabled,
    "downloads": lambda subject: subject.repo.downloads,
    "downloadsAllTime": lambda subject: subject.repo.downloads,
    "gated": lambda subject: subject.repo.gated or False,
    "lastModified": lambda subject: hub_time(subject.repo.updated_at),
    "likes": lambda subject: subject.repo.likes,
    "private": lambda subject: not subject.repo.public,
    "resourceGroup": lambda _: None,
    "sha": _sha,
    "siblings": _siblings,
    "tags": lambda subject: subject.repo.tags,
    "trendingScore": lambda _: 0,
    "usedStorage": lambda subject: subject.repo.used_bytes,
    "xetEnabled": lambda _: True,  # asked for by 0.x clients
}
_MODEL: dict[str, _Field] = _COMMON | {
    "baseModels": _base_models,
    "childrenModelCount": lambda _: None,
    "config": lambda subject: subject.config,
    "evalResults": _eval_results,
    "gguf": _gguf,
    "inference": lambda _: None,
    "inferenceProviderMapping": lambda _: None,
    "library_name": lambda subject: subject.repo.library_name,
    "mask_token": lambda subject: _tokenizer(subject).get("mask_token"),
    "model-index": lambda subject: subject.card.get("model-index"),
    "pipeline_tag": lambda subject: subject.repo.pipeline_tag,
    "safetensors": lambda subject: _object(subject.repo.safetensors) or None,
    "spaces": lambda _: [],
    "transformersInfo": lambda subject: transformers_info(subject.config, subject.repo.pipeline_tag),
    "widgetData": lambda subject: subject.card.get("widget"),
}
_DATASET: dict[str, _Field] = _COMMON | {
    "citation": lambda _: None,
    "description": lambda _: None,
    "mainSize": lambda subject: None if subject.listing is None else subject.listing.directory.size,
    "paperswithcode_id": lambda subject: subject.card.get("paperswithcode_id"),
}
FIELDS: Mapping[RepoType, Mapping[str, _Field]] = {RepoType.MODEL: _MODEL, RepoType.DATASET: _DATASET}
"""The vocabulary of `expand`, by type of repository."""
WITH_FILES = frozenset({"siblings", "mainSize", "gguf", "evalResults"})
"""Fields that need the files of the revision."""
_ONLY_EXPANDED = frozenset({
    "baseModels", "childrenModelCount", "downloadsAllTime", "evalResults", "inference", "inferenceProviderMapping",
    "mainSize", "resourceGroup", "trendingScore",
})  # fmt: skip


def describe(subject: Subject, expand: list[str]) -> dict[str, Any]:
    """Return the JSON object for a repository: the fields in `expand`, or all the usual ones if it is empty."""
    repo = subject.repo
    fields = FIELDS[repo.repo.type]
    found: dict[str, Any] = {"_id": object_id(subject.node.secret, repo.id), "id": repo.repo.path}
    if expand:
        wanted = {name: fields[name](subject) for name in expand}
        return found | {name: value for name, value in wanted.items() if value is not None or name == "sha"}
    if repo.repo.type is RepoType.MODEL:
        found["modelId"] = repo.repo.path
    for name, field in fields.items():
        if name not in _ONLY_EXPANDED:
            value = field(subject)
            if value is not None or name == "sha":
                found[name] = value
    found["hanse"] = _hanse(subject)
    return found
