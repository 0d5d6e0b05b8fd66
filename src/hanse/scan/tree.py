"""Parsed documents walked without recursion, because their depth is the author's to choose."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.walk import Walk

MAX_PATH = 200


def mappings(value: object, walk: Walk) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield every mapping in a document with its path (`model/layers/0`), in the document's order; spends operations."""
    stack: list[tuple[str, Iterator[tuple[object, object]]]] = [("", iter([("", value)]))]
    while stack:
        path, items = stack[-1]
        for key, child in items:
            if not isinstance(child, dict | list):
                continue
            place = _join(path, str(key))
            walk.budget.spend("operations", len(child) // 2 + 1)
            if isinstance(child, dict):
                yield place, child
                stack.append((place, iter(child.items())))
            else:
                stack.append((place, iter(enumerate(child))))
            break
        else:
            stack.pop()


def _join(path: str, name: str) -> str:
    return (f"{path}/{name}" if path else name)[:MAX_PATH]
