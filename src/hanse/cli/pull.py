"""`hanse pull`: a model's files, each checked before it is used, where Hugging Face programs look for them."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from hanse.flows.pull.opened import Whom
    from hanse.flows.pull.progress import Progress, State
    from hanse.flows.pull.pull import Order, Pulled

_LINE_SECONDS = 10.0
_BAR_SECONDS = 0.2


def pull(
    repo: Annotated[str, Parameter(help="[datasets/]NAMESPACE/NAME, with @REVISION for another than main.")],
    /,
    *,
    to: Annotated[
        Path | None, Parameter(help="A plain folder to write to, instead of the cache of Hugging Face programs.")
    ] = None,
    repo_type: Annotated[Literal["model", "dataset"], Parameter(help="What the repository is.")] = "model",
    include: Annotated[list[str] | None, Parameter(help="Only files that fit this pattern, such as '*.safetensors'.")] = None,
    exclude: Annotated[list[str] | None, Parameter(help="No files that fit this pattern.")] = None,
    node: Annotated[list[str] | None, Parameter(help="Address of a node. Default: HANSE_NODE, else HF_ENDPOINT.")] = None,
    upstream: Annotated[
        str | None, Parameter(help="Hub for what no node has; `none` for none. Default: HF_ENDPOINT, else the public hub.")
    ] = None,
    policy: Annotated[str | None, Parameter(help="Policy: a preset, a name, or a file.")] = None,
    cache_dir: Annotated[Path | None, Parameter(help="Cache of Hugging Face programs. Default: where they look.")] = None,
    store: Annotated[Path | None, Parameter(help="Store of verified files. Default: HANSE_STORE, else HANSE_HOME/held.")] = None,
    offline: Annotated[bool, Parameter(help="Use no network.")] = False,
    as_json: Annotated[bool, Parameter(name="--json", help="Print the receipt as one JSON object.")] = False,
) -> int:
    """Pull the verified files of a model or dataset, for programs to load without network, and keep a receipt.

    Exits with 0 if every file is there and verified, 1 otherwise; then nothing of it was put where programs look.
    """
    from hanse.cli.taking import parse_subject
    from hanse.flows.pull.into_cache import hub_cache
    from hanse.flows.pull.opened import whom
    from hanse.flows.pull.pull import Order
    from hanse.model.repo import RepoType

    kind, name, revision = parse_subject(repo)
    asked = whom(os.environ, nodes=tuple(node or ()), upstream=upstream, policy=policy, store=store, offline=offline)
    order = Order(
        type=RepoType.DATASET if repo_type == "dataset" else kind,
        name=name,
        revision=revision,
        cache=cache_dir.absolute() if cache_dir else hub_cache(os.environ),
        to=to.absolute() if to else None,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
    )
    pulled = _pull(asked, order)
    print(json.dumps(_json(pulled), indent=2, ensure_ascii=False) if as_json else _text(pulled))
    return 0


def pull_verified(repo: str, *, dataset: bool = False) -> Pulled:
    """Pull a model or dataset, NAMESPACE/NAME[@REVISION], into the cache as `hanse pull` does by default."""
    from hanse.flows.pull.into_cache import hub_cache
    from hanse.flows.pull.opened import whom
    from hanse.flows.pull.pull import Order
    from hanse.model.repo import RepoType

    name, _, revision = repo.partition("@")
    kind = RepoType.DATASET if dataset else RepoType.MODEL
    order = Order(type=kind, name=name, revision=revision or "main", cache=hub_cache(os.environ))
    return _pull(whom(os.environ), order)


def _pull(asked: Whom, order: Order) -> Pulled:
    from hanse.flows.pull.opened import opened
    from hanse.flows.pull.progress import Progress
    from hanse.flows.pull.pull import pull as pull_order

    progress = Progress()
    try:
        with opened(asked, os.environ, progress.saw) as setting, _shown(progress):
            return pull_order(order, setting, progress)
    except KeyboardInterrupt:
        print("stopped; the same command goes on where this one was", file=sys.stderr)
        raise


@contextmanager
def _shown(progress: Progress) -> Iterator[None]:
    """Show how far it is on standard error for the length of a `with` block: bars on a terminal, else a line now and then."""
    ended = threading.Event()
    show = _bars if sys.stderr.isatty() else _lines
    thread = threading.Thread(target=show, args=(progress, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _lines(progress: Progress, ended: threading.Event) -> None:
    from hanse.cli.printable import clean

    told = 0
    while not ended.wait(_LINE_SECONDS):
        state = progress.look()
        for remark in state.remarks[told:]:
            print(clean(remark), file=sys.stderr)
        told = len(state.remarks)
        if progress.revision is not None:
            print(_line(state), file=sys.stderr, flush=True)
    for remark in progress.remarks[told:]:
        print(clean(remark), file=sys.stderr)


def _line(state: State) -> str:
    from hanse.cli.verified import bytes_text

    share = f"{bytes_text(state.done)} of {bytes_text(state.size)} verified"
    return f"{share}, {bytes_text(int(state.speed))}/s, {state.files_done} of {state.files} files, {_sources(state)}"


def _sources(state: State) -> str:
    from hanse.cli.printable import clean
    from hanse.cli.verified import bytes_text

    parts = [f"{bytes_text(size)} from {clean(name)}" for name, size in sorted(state.by_source.items(), key=lambda one: -one[1])]
    return "; ".join(parts[:4]) or "no source yet"


def _bars(progress: Progress, ended: threading.Event) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    from hanse.cli.printable import clean

    console = Console(stderr=True, highlight=False)
    where = TextColumn("{task.fields[where]}", markup=False)
    columns = (TextColumn("verified"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(), where)
    told = 0
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=None, where="asking who has it")
        while True:
            last = ended.wait(_BAR_SECONDS)
            state = progress.look()
            for remark in state.remarks[told:]:
                console.print(clean(remark), markup=False)
            told = len(state.remarks)
            if progress.revision is not None:
                bars.update(task, total=state.size, completed=state.done, where=_sources(state))
            if last:
                return


def _json(pulled: Pulled) -> dict[str, Any]:
    kept = None if pulled.kept is None else str(pulled.kept)
    return {"path": str(pulled.path), "receipt": pulled.receipt.to_json(), "kept": kept, "remarks": list(pulled.remarks)}


def _text(pulled: Pulled) -> str:
    from hanse.cli.verified import bytes_text, rows

    one = pulled.receipt
    part = "" if one.complete else ", a part of it"
    lines = [f"pulled: {one.repo.path} at {one.rev[:12]}, {len(one.files)} files{part}, {bytes_text(one.size)}"]
    lines += rows("path", [str(pulled.path)])
    lines += rows("from", [f"{source.name}, {bytes_text(source.size)}" for source in pulled.sources])
    signers = list(dict.fromkeys(signer.member or f"key {signer.key[:16]}" for signer in one.signers))
    lines += rows("signed", [", ".join(signers) or f"by nobody: {one.repo.origin} claims what it is, pinned when first seen"])
    witnesses = list(dict.fromkeys(cosigner.name for cosigner in one.cosigners))
    lines += rows("cosigned", [", ".join(witnesses)] if witnesses else [])
    lines += rows("rung", [f"{one.rung.value}; policy {one.policy.name}: {one.policy.state.value}"])
    lines += rows("receipt", [str(pulled.kept)] if pulled.kept else [])
    lines += rows("note", [*one.notices, *pulled.remarks])
    return "\n".join(lines)
