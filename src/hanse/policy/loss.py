"""How many members must disappear before bytes are lost: the first derailment number, counted by chunks.

A chunk is there as long as one member is who holds some file with it, whatever that file is called and whichever repository it
is in. A revision is lost with its first chunk. So the number is that of the holders of the chunk that has the fewest, and these
are the members behind it. Names of files and members are opaque here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loss:
    """What it takes to lose something.

    number: members who must disappear, 0 if a chunk is nowhere; members: who they are, where several sets are as small the
    first by name; files: wanted files with a chunk that so few have; chunks: how many distinct chunks those are; of: of how many.
    """

    number: int
    members: tuple[str, ...]
    files: tuple[str, ...] = ()
    chunks: int = 0
    of: int = 0


def loss(wanted: Collection[str], chunks: Mapping[str, Iterable[bytes]], held: Mapping[str, Collection[str]]) -> Loss:
    """Return what it takes before the files `wanted` cannot be put together any more.

    chunks: of every file that counts, the wanted ones among them, each a list that can be read once; held: member -> files that
    he holds. Where nothing has a chunk (empty files), everybody who holds a wanted file must go. Raises KeyError for a wanted
    file without chunks.
    """
    names = sorted(held)
    masks = _file_masks(names, held)
    found, of_file = _chunk_masks(wanted, chunks, masks)
    if not found:
        last = tuple(name for name in names if set(wanted) & set(held[name]))
        return Loss(len(last), last, tuple(sorted(wanted)))
    number = min(mask.bit_count() for mask in set(found.values()))
    weak = {mask for mask in set(found.values()) if mask.bit_count() == number}
    files = tuple(sorted(file for file, own in of_file.items() if any(found[one] in weak for one in own)))
    members = min(_members(names, mask) for mask in weak)
    return Loss(number, members, files, sum(mask in weak for mask in found.values()), len(found))


def _file_masks(names: list[str], held: Mapping[str, Collection[str]]) -> dict[str, int]:
    """Return for each file the set of its holders, a bit for each name."""
    masks: dict[str, int] = {}
    for bit, name in enumerate(names):
        for file in held[name]:
            masks[file] = masks.get(file, 0) | 1 << bit
    return masks


def _chunk_masks(
    wanted: Collection[str], chunks: Mapping[str, Iterable[bytes]], masks: Mapping[str, int]
) -> tuple[dict[bytes, int], dict[str, frozenset[bytes]]]:
    """Return the holders of each chunk of the wanted files, through whatever file, and the chunks of each wanted file."""
    of_file = {file: frozenset(chunks[file]) for file in wanted}
    found: dict[bytes, int] = {}
    for file, own in of_file.items():
        for one in own:
            found[one] = found.get(one, 0) | masks.get(file, 0)
    for file, mask in masks.items():
        if file not in of_file and file in chunks:
            for one in chunks[file]:
                if one in found:
                    found[one] |= mask
    return found, of_file


def _members(names: list[str], mask: int) -> tuple[str, ...]:
    return tuple(name for bit, name in enumerate(names) if mask >> bit & 1)
