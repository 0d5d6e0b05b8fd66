"""safetensors: a JSON header that describes every byte of the data after it, exactly once.

The format's reader refuses most of what is checked here; other readers (and later ones) do not, so that a file may mean
different things to different people. Only the header is read.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import islice

from hanse.scan import jsontext
from hanse.scan.budget import OverBudget
from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.walk import Malformed, ViewBuilder, Walk

MAX_HEADER = 100_000_000
"""The reader's own bound, in bytes."""
MAX_METADATA = 200
MAX_EMBEDDINGS = 16
EMBEDDINGS = (
    "embed_tokens.weight", "wte.weight", "word_embeddings.weight", "tok_embeddings.weight", "embed_in.weight", "embed_out.weight",
    "token_embedding.weight", "shared.weight", "lm_head.weight",
)  # fmt: skip
"""Ends of names of matrices with a row for each word of the vocabulary: their shapes are kept, to compare with configurations."""
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
    "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
"""Bits of one element of each type."""
MAX_STACKS, MAX_TOLD, MAX_SINGLE = 1_000, 16, 32
_LAYER = re.compile(r"([^0-9][^\n]{0,200}?)\.([0-9]{1,5})\.")
"""A layer of a stack: `model.layers.17.` is layer 17 of `model.layers`."""
Span = tuple[int, int, str]
_OBJECT = re.compile(rb'\{[ \t\r\n]*(?:\}|"[^\x00-\x1f]|\Z)')


def claims(head: bytes, source: Source) -> bool:
    """Tell whether content begins with the length of a header and a JSON object; a length beyond any file is no header.

    A header that is longer than the file is a defect of a file that says what it is; numbers that happen to be a brace are not.
    """
    return head[5:8] == b"\0\0\0" and source.size > 9 and _OBJECT.match(head, 8) is not None


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Check the header against the rules of the format; raises Malformed at the first one broken.

    1. The header's length. 2. Its JSON. 3. Each tensor by itself. 4. All tensors together.
    """
    # 1. Length.
    (length,) = struct.unpack("<Q", source.read_at(0, 8))
    if length > MAX_HEADER:
        raise Malformed("the header is longer than 100 MB", 0)
    if length > source.size - 8:
        raise Malformed("the header is longer than the file", 0)
    # 2. JSON.
    header = _header(source.read_at(8, length), view, walk)
    metadata = header.pop("__metadata__", None)
    if metadata is not None:
        _metadata(metadata, view)
    # 3. Tensors.
    room = source.size - 8 - length
    spans = [_tensor(name, value, room, view) for name, value in header.items()]
    walk.budget.spend("operations", 10 * len(spans))
    _embeddings(header, view)
    _outline(header, view)
    # 4. Exact cover.
    end = _cover(spans)
    view.see("tensors", count=len(spans), header=length, data=end)
    if end < room:
        view.see("trailing", 8 + length + end, size=room - end, bytes=source.read_at(8 + length + end, 8).hex())


def _embeddings(header: dict[str, object], view: ViewBuilder) -> None:
    """Write down the shapes of the first matrices of words; entries are known to be well formed."""
    named = (name for name in header if name.endswith(EMBEDDINGS))
    for name in islice(named, MAX_EMBEDDINGS):
        entry = header[name]
        if isinstance(entry, dict) and len(entry["shape"]) == 2:
            view.see("embedding", 8, name=name, shape=entry["shape"], dtype=entry["dtype"])


def _outline(header: dict[str, object], view: ViewBuilder) -> None:
    """Write down how many numbered layers there are under which names, and the matrices that belong to none."""
    stacks: dict[str, int] = {}
    single: list[list[object]] = []
    for name, entry in header.items():
        layer = _LAYER.match(name)
        if layer is not None:
            stack = layer[1]
            if stack in stacks or len(stacks) < MAX_STACKS:
                stacks[stack] = max(stacks.get(stack, 0), int(layer[2]) + 1)
        elif isinstance(entry, dict) and len(entry["shape"]) == 2 and len(single) <= MAX_SINGLE:
            single.append([name, *entry["shape"], entry["dtype"]])
    if stacks or single:
        found = dict(sorted(stacks.items(), key=lambda one: -one[1])[:MAX_TOLD])
        view.see("outline", 8, stacks=found, single=single[:MAX_SINGLE], more=len(single) > MAX_SINGLE)


def _header(data: bytes, view: ViewBuilder, walk: Walk) -> dict[str, object]:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("the header is not UTF-8", 8) from None
    try:
        parsed = jsontext.parse(data, walk, scale=4)
    except jsontext.NotJson as error:
        raise Malformed(f"the header is not JSON: {error}", 8) from None
    except jsontext.TooLarge as error:
        if str(error) == "depth":
            raise Malformed("the header is nested too deep", 8) from None
        raise OverBudget("text") from None
    for hidden in parsed.hidden:
        view.see("duplicate", 8, name=next(iter(hidden)))
    if not isinstance(parsed.value, dict) or parsed.lines > 1:
        raise Malformed("the header is not one JSON object", 8)
    return dict(parsed.value)


def _metadata(metadata: object, view: ViewBuilder) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise Malformed("__metadata__ is not a map from text to text", 8)
    for key, value in list(metadata.items())[:MAX_METADATA]:
        view.see("metadata", 8, key=key, value=value)


def _tensor(name: str, value: object, room: int, view: ViewBuilder) -> Span:
    """Return where a tensor lies; raises Malformed if its entry contradicts itself or the file."""
    if not isinstance(value, dict) or not {"dtype", "shape", "data_offsets"} <= value.keys():
        raise Malformed(f"tensor {name[:80]!r} lacks dtype, shape or data_offsets", 8)
    begin, end = _whole(value["data_offsets"], name, 2)
    if not begin <= end <= room:
        raise Malformed(f"tensor {name[:80]!r} lies outside the file", 8)
    shape = _whole(value["shape"], name)
    elements = 1
    for dimension in shape:
        elements *= dimension
        if elements >= 1 << 63:
            raise Malformed(f"the shape of tensor {name[:80]!r} overflows", 8)
    bits = BITS.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if bits is None:
        view.see("dtype", 8, name=name, dtype=value["dtype"])
    elif elements * bits != 8 * (end - begin):
        raise Malformed(f"tensor {name[:80]!r} has {end - begin} bytes where its shape and type need {elements * bits // 8}", 8)
    return begin, end, name


def _whole(value: object, name: str, count: int | None = None) -> list[int]:
    """Return a list of integers from 0 up."""
    if isinstance(value, list) and (count is None or len(value) == count):
        numbers = [one for one in value if type(one) is int and 0 <= one < 1 << 63]
        if len(numbers) == len(value):
            return numbers
    raise Malformed(f"tensor {name[:80]!r} has a shape or offsets that are no lists of whole numbers", 8)


def _cover(spans: list[Span]) -> int:
    """Return where the data ends; raises Malformed for overlaps and holes."""
    at = 0
    for begin, end, name in sorted(spans):
        if begin < at:
            raise Malformed(f"tensor {name[:80]!r} overlaps another one", 8)
        if begin > at:
            raise Malformed(f"there is a hole before tensor {name[:80]!r}", 8)
        at = end
    return at


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to a safetensors view."""
    for one in view.all("safetensors.malformed"):
        yield Hit("SAFETENSORS-MALFORMED", view.member, one.at, words=one.data)
    for one in view.all("safetensors.duplicate"):
        yield Hit("SAFETENSORS-DUPLICATE-KEY", view.member, one.at, words=one.data)
    for one in view.all("safetensors.trailing"):
        yield Hit("SAFETENSORS-TRAILING", view.member, one.at, words=one.data)
    for one in view.all("safetensors.dtype"):
        yield Hit("SAFETENSORS-DTYPE", view.member, one.at, words=one.data)
    markers = context.rules.data.get("safetensors", {}).get("markers", ())
    for one in view.all("safetensors.metadata"):
        text = str(one.data["value"]).lower()
        marker = next((marker for marker in markers if marker in text), None)
        if marker is not None:
            yield Hit("SAFETENSORS-METADATA", view.member, one.at, words={"key": one.data["key"], "marker": marker})


FORMATS = (Format("safetensors", False, judge, claims, observe),)
