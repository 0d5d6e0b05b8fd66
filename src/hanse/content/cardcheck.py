"""What is wrong with a card's metadata: errors stop an upload, warnings are shown to the uploader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hanse.content.card import parse_card, split_front_matter, texts
from hanse.content.hubwords import LICENCES, TASKS
from hanse.errors import BadFormat

_TEXT_OR_LIST = ("license", "language", "tags", "datasets", "metrics", "task_categories", "size_categories")
_TEXT = ("library_name", "license_name", "license_link", "pipeline_tag", "pretty_name")
EMPTY = "empty or missing yaml metadata in repo card"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in a card: `errors` refuse it, `warnings` do not."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def check_card(text: str, kind: str) -> Verdict:
    """Return what is wrong with README.md `text` of a repository of type `kind` (`model` or `dataset`)."""
    front, _ = split_front_matter(text)
    try:
        data = parse_card(text).data
    except BadFormat as error:
        return Verdict((error.message,), ())
    if front is None or not data:
        return Verdict((), (EMPTY,))
    errors = [*_shapes(data), *_licence_errors(data), *_base_model_errors(data)]
    warnings = [*_licence_warnings(data)]
    if kind == "model" and isinstance(data.get("pipeline_tag"), str) and data["pipeline_tag"] not in TASKS:
        warnings.append(f'"pipeline_tag" {data["pipeline_tag"][:60]!r} is not a known task')
    return Verdict(tuple(errors), tuple(warnings))


def _is_texts(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _shapes(data: Mapping[str, Any]) -> list[str]:
    found = [f'"{key}" must be a string or an array of strings' for key in _TEXT_OR_LIST if not _is_texts(data.get(key, ""))]
    found += [f'"{key}" must be a string' for key in _TEXT if not isinstance(data.get(key, ""), str)]
    if not isinstance(data.get("model-index", []), list):
        found.append('"model-index" must be an array')
    return found


def _licence_errors(data: Mapping[str, Any]) -> list[str]:
    if all(one.lower() in LICENCES for one in texts(data.get("license"))):
        return []
    return [f'"license" must be one of [{", ".join(sorted(LICENCES))}]']


def _licence_warnings(data: Mapping[str, Any]) -> list[str]:
    if "license" not in data:
        return ['"license" is missing: nobody knows what they may do with it']
    if "other" in texts(data["license"]) and not data.get("license_link"):
        return ['"license: other" should come with "license_name" and "license_link"']
    return []


def _base_model_errors(data: Mapping[str, Any]) -> list[str]:
    value = data.get("base_model", [])
    if not _is_texts(value):
        return ['"base_model" must be a repository id or an array of them']
    bad = [one for one in texts(value) if "://" in one or one.count("/") > 1 or not one.strip()]
    return [f'"base_model" {bad[0][:80]!r} is not a repository id'] if bad else []
