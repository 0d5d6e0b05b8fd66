"""The first file of every repository."""

from __future__ import annotations

from hashlib import sha1

from hanse.content.patterns import LfsRules
from hanse.flows.gitattributes import DEFAULT_GITATTRIBUTES


def test_same_as_the_hub() -> None:
    """The default is byte for byte the one that new repositories on the Hugging Face Hub begin with."""
    blob = b"blob %d\0" % len(DEFAULT_GITATTRIBUTES) + DEFAULT_GITATTRIBUTES
    assert sha1(blob).hexdigest() == "a6344aac8c09253b3b630fb776ae94478aa0275b"


def test_weights_go_to_lfs() -> None:
    """Weights and archives are large files, texts are not."""
    rules = LfsRules(DEFAULT_GITATTRIBUTES.decode())
    assert [rules.lfs(path) for path in ("a/model.safetensors", "x.tar.gz", "saved_model/v/1", "README.md")] == [
        True,
        True,
        True,
        None,
    ]
