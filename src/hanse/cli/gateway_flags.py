"""The flags that `hanse run` and `hanse gateway` have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

PolicyFlag = Annotated[str | None, Parameter(help="Policy: a preset, a name, or a file.")]
NodeFlag = Annotated[
    list[str] | None, Parameter(help="Address of a node to ask; may be given again. Default: HANSE_NODE, else HF_ENDPOINT.")
]
UpstreamFlag = Annotated[
    str | None,
    Parameter(help="Hub for names that no node answers for; `none` for none. Default: HF_ENDPOINT, else the public hub."),
]
OfflineFlag = Annotated[bool, Parameter(help="Use no network: only what is held.")]
StoreFlag = Annotated[
    Path | None, Parameter(help="Where verified files are kept. Default: HANSE_STORE, else held in HANSE_HOME.")
]
SizeFlag = Annotated[
    str | None, Parameter(help="How much the held files may take, such as `200 GiB`; what was not used longest goes.")
]
