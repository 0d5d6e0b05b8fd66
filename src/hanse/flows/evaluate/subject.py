"""What is evaluated: the files of a folder, hashed here, or a model behind an address that says of itself what it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hanse.errors import EntryNotFound, InputError
from hanse.evals.record import WeightsClass
from hanse.flows.local_files import find_place, list_place
from hanse.flows.sign_folder import hash_folder, tree_of
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256

_SUFFIX = ".gguf"


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to be evaluated.

    tree: root of its files, or digest of address and name where no files are known; name: informative; weights: what is known of
    them; file: what an engine of ours loads, a file or a folder of safetensors, None behind an address.
    """

    tree: Sha256
    name: str
    weights: WeightsClass
    file: Path | None = None


def of_folder(folder: Path, name: str = "", done: Callable[[int], None] = lambda _: None) -> Subject:
    """Return the model in a folder, every file hashed; its one GGUF file, the first of its parts, is what an engine loads.

    Without one it is the folder itself, if it has a configuration and safetensors. Raises EntryNotFound if there is neither, or
    several, and what hashing raises.
    """
    entries = hash_folder(folder, (), done)
    paths = sorted(one.path for one in entries if one.path.endswith(_SUFFIX))
    first = [path for path in paths if "-of-" not in path or "-00001-of-" in path]
    names = {one.path for one in entries}
    if not first and "config.json" in names and any(name.endswith(".safetensors") for name in names):
        return Subject(tree_of(entries), name or folder.resolve().name, WeightsClass.LOCAL, folder.resolve())
    if len(first) != 1:
        raise EntryNotFound(
            f"{folder} has {len(first)} models in GGUF files: one is needed",
            hint="name a folder with one of them, or with config.json and safetensors",
        )
    path = list_place(find_place(folder)).files[first[0]]
    return Subject(tree_of(entries), name or folder.resolve().name, WeightsClass.LOCAL, path.resolve())


def of_files(folder: Path) -> Subject:
    """Return the model that the files of a folder are, whatever their form; raises what hashing raises."""
    return Subject(tree_of(hash_folder(folder, (), lambda _: None)), folder.resolve().name, WeightsClass.LOCAL)


def of_endpoint(url: str, model: str) -> Subject:
    """Return a model behind an address: all that names it is the host and what it is called there."""
    try:
        host = urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError as error:
        raise InputError(f"{url[:120]!r} is no address: {error}", hint="such as https://models.example.org/v1") from error
    digest = hashlib.sha256(canonical({"api": host, "model": model})).hexdigest()
    return Subject(Sha256(digest), f"{host} {model}"[:300], WeightsClass.CLAIMED)


def claimed(subject: Subject) -> Subject:
    """Return files that somebody says are behind an address: the claim is about them, and nobody saw them loaded."""
    return Subject(subject.tree, subject.name, WeightsClass.CLAIMED)


def bound(subject: Subject) -> Subject:
    """Return files that a member attests to have loaded behind an address."""
    return Subject(subject.tree, subject.name, WeightsClass.BOUND)
