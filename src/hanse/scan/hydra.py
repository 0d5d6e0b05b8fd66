"""Configurations that name what to call (Hydra, OmegaConf, NeMo): `_target_` at any depth (CVE-2025-23304)."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.targets import is_prose, judge_target
from hanse.scan.tree import mappings
from hanse.scan.walk import Walk

KEYS = ("_target_", "_component_")
MAX_TARGETS = 500


def observe(value: object, source: Source, member: str, walk: Walk) -> None:
    """Add a view if some mapping in the document names a target. `_component_` is torchtune's word for it."""
    found = _targets(value, walk)
    first = next(found, None)
    if first is None:
        return
    with walk.view("hydra", member, source, executes=True) as view:
        view.see("target", path=first[0], target=first[1])
        for count, (path, target) in enumerate(found, 1):
            if count >= MAX_TARGETS:
                view.stop("observations")
                return
            view.see("target", path=path, target=target)


def _targets(value: object, walk: Walk) -> Iterator[tuple[str, str]]:
    """Yield the distinct targets with the place of their first use."""
    seen = set()
    for path, mapping in mappings(value, walk):
        for key in KEYS:
            target = mapping.get(key)
            if isinstance(target, str) and target not in seen:
                seen.add(target)
                yield path, target


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules about the targets of a configuration."""
    if is_prose(context, view.member):
        return
    for one in view.all("hydra.target"):
        target = str(one.data["target"])
        if "${" in target or "/" in target or " " in target:
            yield Hit("TARGET-COMPUTED", view.member, callable=target, words={"target": target, "path": one.data["path"]})
        else:
            yield from judge_target("the configuration's _target_", target, view, None, context)


FORMATS = (Format("hydra", True, judge),)
"""Never claims: `hanse.scan.document` shows it every parsed document."""
