"""The fuzz targets: every parser of bytes from outside, with valid inputs, and what must hold for whatever it accepts."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from functools import cache
from typing import Any

import msgspec
from tests.fuzz.runner import Target
from tests.fuzz.targets_sign import SIGN_TARGETS
from tests.support.leaves import EVERY_KIND
from tests.support.rawxet import commit_body, put_bytes, put_file, raw_file, xorb_of

from hanse.content.card import parse_card
from hanse.content.cardcheck import check_card
from hanse.content.commitlines import CommitLine, CommitParser
from hanse.content.compression import Scheme
from hanse.content.facts import config_subset, dataset_facts, model_facts
from hanse.content.hashing import encode_chunk_list, file_hash_of_chunk_list, parse_chunk_list
from hanse.content.patterns import IgnoreRules, LfsRules
from hanse.content.safetensors import count_parameters, header_length, parse_header, parse_index
from hanse.content.shard import FOOTER_BYTES, Footer, Shard, check_xorb_block, encode_shard, parse_shard, xorb_block
from hanse.content.terms import encode_terms, parse_terms
from hanse.content.xorb import XorbReader, decode_range, parse_table, parse_xorb
from hanse.errors import HanseError
from hanse.flows import records
from hanse.model.digest import GitOid, Sha256
from hanse.model.leaf import encode_leaf, parse_leaf
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, RepoOp, RevKind
from hanse.model.repo import Origin, RefName, RepoType, parse_path
from hanse.tlog.map import MerkleMap
from hanse.tlog.mapproof import MapProof, verify_absence, verify_inclusion
from hanse.tlog.tiles import encode_bundle, parse_bundle, parse_tile_path

_NOISE = random.Random(5).randbytes(200_000)
_FILES = (raw_file(_NOISE), raw_file(b"text " * 9000), raw_file(b"x"), raw_file(bytes(range(256)) * 1200))
_LZ4_FRAME = bytes.fromhex("04224d18")


def xorb(data: bytes) -> None:
    """Read a xorb: whole and in pieces give the same; what is accepted can be decoded and keeps its table."""
    table, chunks = parse_xorb(data)
    reader = XorbReader()
    for at in range(0, len(data), 5000):
        reader.feed(data[at : at + 5000])
    assert reader.finish(table.xorb).encode() == table.encode()
    assert b"".join(chunk.raw for chunk in chunks) == decode_range(table, 0, table.count, data[: table.stored_size])


def xorb_table(data: bytes) -> None:
    """Read a table of a stored xorb: one value has one form, and offsets stay inside the largest xorb."""
    table = parse_table(data)
    assert table.encode() == data
    assert table.locate(table.raw_size) == table.count
    table.chunk_list(0, table.count)
    table.check_name()


def shard(data: bytes) -> None:
    """Read a shard: what is accepted can be written and read again."""
    found = parse_shard(data)
    if found.footer is None:
        assert parse_shard(encode_shard(found)) == found
    for block in found.xorbs:
        check_xorb_block(block)


def packed_terms(data: bytes) -> None:
    """Packed terms: one value has one form."""
    assert encode_terms(parse_terms(data)) == data


def chunk_list(data: bytes) -> None:
    """Read a chunk list: one value has one form, and its file has a name and a size."""
    assert encode_chunk_list(parse_chunk_list(data)) == data
    _, size = file_hash_of_chunk_list(data)
    assert size <= len(data) // 36 * 131_072


def commit_lines(data: bytes) -> None:
    """Read a commit body: the same lines whole and in pieces, every path one that a revision may hold."""
    whole = _commit(data, len(data) or 1)
    assert whole == _commit(data, 7 + len(data) // 50)
    for line in whole:
        if (path := getattr(line, "path", None)) is not None:
            assert parse_path(path) == path
            assert "\n" not in path


def _commit(data: bytes, step: int) -> list[CommitLine]:
    parser = CommitParser(max_file_bytes=64 * 1024, max_operations=100, max_bytes=1 << 20)
    found = [line for at in range(0, len(data), step) for line in parser.feed(data[at : at + step])]
    return [*found, *parser.finish()]


@cache
def _map() -> tuple[bytes, bytes, bytes, bytes, bytes, bytes]:
    """Return root, a key of a map of 300 with its value and proof, and a missing key with its proof."""
    items = {hashlib.sha256(b"k%d" % n).digest(): hashlib.sha256(b"v%d" % n).digest() for n in range(300)}
    made = MerkleMap.empty().apply(items.items(), ())
    key, value = next(iter(items.items()))
    absent = hashlib.sha256(b"absent").digest()
    return made.root, key, value, made.prove(key).encode(), absent, made.prove(absent).encode()


def map_proof(data: bytes) -> None:
    """Read a map proof: one value has one form, and none but the genuine ones verify (soundness)."""
    root, key, value, genuine, absent, genuine_absent = _map()
    proof = MapProof.parse(data)
    assert proof.encode() == data
    try:
        verify_inclusion(root, key, value, proof)
    except HanseError:
        verify_absence(root, absent, proof)
        assert data == genuine_absent
    else:
        assert data == genuine
    _never(lambda: verify_absence(root, key, proof))
    _never(lambda: verify_inclusion(root, absent, value, proof))


def _never(check: object) -> None:
    assert callable(check)
    try:
        check()
    except HanseError:
        return
    raise AssertionError("a false statement was proved")


def leaf(data: bytes) -> None:
    """Read a journal leaf: one value has one form."""
    assert encode_leaf(parse_leaf(data)) == data


def record(data: bytes) -> None:
    """Read a revision object: what is accepted names a repository and files by the rules, or is refused."""
    found = records.parse(data)
    assert found.repo_id.path
    if isinstance(found, records.RevisionRecord):
        for row in found.puts:
            records.entry_of(row)


def bundle(data: bytes) -> None:
    """Read an entry bundle: one value has one form."""
    assert encode_bundle(parse_bundle(data, 3)) == data


def tile_path(data: bytes) -> None:
    """Read a tile path: one file has one name, and that stays below `tile/`."""
    text = data.decode("latin-1")
    name = parse_tile_path(text)
    assert name.path == text
    assert ".." not in text


def safetensors(data: bytes) -> None:
    """Read a safetensors file or index: counts that JSON clients can hold."""
    try:
        size = header_length(data[:8], len(data))
        counts = count_parameters([parse_header(data[8 : 8 + size])])
        assert all(0 <= number <= 1 << 60 for number in counts.values())
    except HanseError:
        parse_index(data)


def card(data: bytes) -> None:
    """Read a README.md with hostile YAML: JSON values or a refusal; facts and verdicts never fail on it."""
    text = data.decode("utf-8", "replace")
    check_card(text, "model")
    found = parse_card(text)
    assert len(msgspec.json.encode(found.data)) < 32 * 1024 * 1024
    facts = model_facts(["config.json", "a.gguf"], found.data, found.body, config_subset({"config.json": found.data}))
    msgspec.json.encode([facts.tags, facts.pipeline_tag, facts.library_name, facts.config])
    msgspec.json.encode(dataset_facts(["a.csv"], found.data, found.body).tags)
    assert all(tag.isprintable() for tag in facts.tags)


def patterns(data: bytes) -> None:
    """Ignore and attribute rules: any text is a rule set, and matching stays cheap."""
    text = data.decode("utf-8", "replace")
    ignore, lfs = IgnoreRules(text), LfsRules(text)
    for path in ("a", "a/b/c.bin", "x" * 300, "/".join("ab" * 30), "a" * 200 + "/" + "b" * 200 + ".safetensors"):
        assert ignore.ignores(path) in (True, False)
        assert lfs.lfs(path) in (True, False, None)


def _record_seeds() -> list[bytes]:
    head: dict[str, Any] = {"origin": "node.example", "type": "model", "repo": "a/b", "salt": ""}
    zero, rev = "0" * 64, "1" * 40
    rows = [("a/b.bin", 5, "ab" * 32, "cd" * 32, rev, True), ("README.md", 9, "ab" * 32, "cd" * 32, rev, False)]
    tail: dict[str, Any] = {"ref": "refs/heads/main", "parent": None, "rev": rev, "tree": zero, "commit": "tree x\n\nhello"}
    tail |= {"files": 2, "bytes": 14}
    snapshot = records.RevisionRecord(**head, **tail, step=0, weight=0, size=2, base=None, puts=rows, deletes=[])
    delta = records.RevisionRecord(**head, **tail, step=1, weight=2, size=2, base=zero, puts=rows[:1], deletes=["x"])
    refs = records.RefsRecord(**head, refs=[("refs/tags/v1", rev, zero, "m")])
    repo = records.RepoRecord(**head, op="rename", to="a/c", visibility="public", new_salt="", leaf=zero)
    return [records.encode(one)[1] for one in (snapshot, delta, refs, repo)]


def _leaf_seeds() -> list[bytes]:
    name: dict[str, Any] = {"time": 1_800_000_000, "origin": Origin("node.example"), "type": RepoType.MODEL, "repo": "a/b"}
    first = RefLeaf(
        **name,
        ref=RefName("refs/heads/main"),
        seq=2,
        prev=Sha256("ab" * 32),
        rev=GitOid("1" * 40),
        rev_kind=RevKind.COMPUTED,
        tree=Sha256("cd" * 32),
    )
    made = RepoLeaf(**name, op=RepoOp.RENAME, to="a/c")
    other = encode_leaf(made).replace(b'"kind":"repo"', b'"kind":"later"')
    return [*map(encode_leaf, (first, made, *EVERY_KIND)), other]


def _shard_seeds() -> list[bytes]:
    both = encode_shard(Shard(tuple(one.block for one in _FILES), tuple(xorb_block(one.table) for one in _FILES)))
    stored = encode_shard(Shard((_FILES[1].block,), (xorb_block(_FILES[1].table),), Footer(bytes(32), 1, 2)))
    assert len(stored) > FOOTER_BYTES
    return [both, _FILES[0].shard, _FILES[2].shard, stored]


def _safetensors_seeds() -> list[bytes]:
    tensor = {"dtype": "F32", "shape": [4, 3], "data_offsets": [0, 48]}
    headers = [
        {"__metadata__": {"format": "pt"}, "a": tensor},
        {f"layer.{number}": tensor for number in range(40)},
    ]
    files = []
    for header in headers:
        raw = json.dumps(header).encode()
        files.append(struct.pack("<Q", len(raw)) + raw + bytes(48))
    return [*files, json.dumps({"metadata": {"total_size": 5}, "weight_map": {"a": "x-1.safetensors", "b": "x-2"}}).encode()]


_CARD = b"""---
license: apache-2.0
tags: [a, b, &x c, *x]
base_model: org/base
datasets:
- org/data
pipeline_tag: text-generation
model-index:
- name: &anchor m
  results: [{task: {type: t}, dataset: {name: *anchor}, metrics: [{type: acc, value: 0.5}]}]
---
# Title
See https://arxiv.org/abs/1706.03762
"""
_YAML_WORDS = (
    b"&a ",
    b"*a",
    b"!!python/object/apply:os.system ",
    b"<<: *a\n",
    b"---\n",
    b"? ",
    b"[",
    b"{",
    b"- ",
    b": ",
    b"|\n",
    b"!!binary ",
    b"\t",
    b"...\n",
    b"a: &a [*a,*a]\n",
    b"0o17",
    b".inf",
    b"2001-01-01",
    b"\xef\xbb\xbf",
    b"\xff",
    b"%YAML 1.2\n",
)
_JSON_WORDS = (
    b"[",
    b"{",
    b'"',
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"NaN",
    b"\n",
    b'"__proto__":',
    b"\xff",
)


def _seeds_of_map() -> list[bytes]:
    _, _, _, included, _, absent = _map()
    return [included, absent]


TARGETS: dict[str, Target] = {
    "xorb": Target(
        xorb,
        [*(one.xorb_bytes for one in _FILES), xorb_of([b"ab" * 500, b"c" * 9000], scheme=Scheme.BG4_LZ4)],
        (_LZ4_FRAME, b"XETBLOB", b"\0\x05\0\0\0\x05\0\0hello", b"\0\0\0\0\0\0\0\0", b"P*M\x18\x04\0\0\0"),
    ),
    "xorb_table": Target(xorb_table, [one.table.encode() for one in _FILES], (b"HANSEXT1", b"\xff\xff\xff\xff")),
    "shard": Target(shard, _shard_seeds(), (b"\xff" * 32 + bytes(16), bytes(48), b"\xff\xff\xff\x7f", b"\0\0\0\xc0")),
    "packed_terms": Target(packed_terms, [encode_terms(one.block.terms) for one in _FILES] + [b""]),
    "chunk_list": Target(chunk_list, [encode_chunk_list(one.chunks) for one in _FILES] + [b""]),
    "commit_lines": Target(
        commit_lines,
        [
            commit_body(put_bytes("a/b.txt", b"hi"), put_file("m.bin", "ab" * 32, 5), put_file("copy", "ab" * 32)),
            commit_body({"key": "deletedFile", "value": {"path": "x"}}, {"key": "deletedFolder", "value": {"path": "d/"}}),
            commit_body(put_bytes("big", bytes(3000)), parentCommit="1" * 40, description="long"),
        ],
        (*_JSON_WORDS, b'{"key":"file","value":{"path":"p","content":"eA==","encoding":"base64"}}', b"../", b"=", b"\r\n"),
    ),
    "map_proof": Target(map_proof, _seeds_of_map(), (bytes(32), b"\xff" * 32, b"\x01", b"\x02")),
    "leaf": Target(
        leaf, _leaf_seeds(), (*_JSON_WORDS, b'"must":false', b'"to":"a/d",', b'"kind":"ref"', b'"kind":"key"', b'"op":"add"')
    ),
    "record": Target(record, _record_seeds(), (*_JSON_WORDS, b'"../x"', b'"step":5')),
    "bundle": Target(bundle, [encode_bundle([b"a", b"bb", b""]), encode_bundle([b"x" * 3000] * 3)], (b"\xff\xff", b"\0\0")),
    "tile_path": Target(
        tile_path, [b"tile/0/x001/234", b"tile/entries/000.p/17", b"tile/63/999"], (b"x", b".p/", b"/", b"000", b"..")
    ),
    "safetensors": Target(safetensors, _safetensors_seeds(), (*_JSON_WORDS, b'"shape":[9223372036854775807]', b"[],")),
    "card": Target(card, [_CARD, b"no front matter", b"---\r\na: 1\r\n---\r\nx", b"---\n---\n"], _YAML_WORDS),
    "patterns": Target(
        patterns,
        [b"*.bin filter=lfs diff=lfs merge=lfs -text\n", b"# c\n!keep\n/build/\n**/x/**\n[a-z]*?\\*\n", b'"a b" filter=lfs\n'],
        (b"*", b"**/", b"/**", b"?", b"[!", b"[^", b"]", b"\\", b"!", b"-filter", b"*a", b"[z-a]", b"\n"),
        seconds=8,
    ),
}
TARGETS |= SIGN_TARGETS
