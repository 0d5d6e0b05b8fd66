"""`hanse verify EXPORT`: whether a folder or archive that `hanse export` wrote is whole and true."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hanse.cli.inplace import clear, show
from hanse.cli.printable import clean
from hanse.cli.verified import bytes_text, counted, failed_rows, rows
from hanse.clock import SystemClock, rfc3339

if TYPE_CHECKING:
    from hanse.flows.leaving.verify_export import ExportReport

_EVERY = 64 << 20
_SHOWN = 100


def is_export(path: Path) -> bool:
    """Tell whether a path looks like an export, also one that is not whole: an archive, or a folder with the index of a site."""
    return path.is_file() or ((path / "hanse.json").is_file() and (path / "log").is_dir()) or (path / "export.progress").is_file()


def verify_one(path: Path, *, policy: str | None, as_json: bool) -> int:
    """Verify an export without network, show what it is, and return the exit status."""
    from hanse.flows.leaving.sources import open_export
    from hanse.flows.leaving.verify_export import verify_export
    from hanse.flows.policies import load_policy
    from hanse.flows.verify_folder import Verifying
    from hanse.home import home_folder

    home = home_folder(os.environ)
    verifying = Verifying(load_policy(policy, home), home, SystemClock().now())
    with open_export(path) as source:
        report = verify_export(source, verifying, _advance)
    clear()
    print(json.dumps(_facts(report), indent=2, ensure_ascii=False) if as_json else _text(report))
    return 1 if report.failed else 0


def _advance(done: int, total: int) -> None:
    if total > _EVERY:
        show(f"{bytes_text(done)} of {bytes_text(total)}")


def _facts(report: ExportReport) -> dict[str, Any]:
    index = report.index
    found: dict[str, Any] = {"verified": not report.failed, "failed": report.failed, "more": report.more}
    found |= {"origin": index.origin, "time": rfc3339(index.time), "public": index.public}
    found |= {"files": index.files, "bytes": index.size, "logs": report.logs, "notices": report.notices}
    found["revisions"] = [
        {
            "repo": str(one.revision.repo),
            "rev": one.revision.rev,
            "tree": one.revision.tree,
            "commitProved": one.proved,
            "decision": one.revision.decision.to_json(),
        }
        for one in report.revisions
    ]
    found["leftOut"] = [{"repo": str(one.repo), "rev": one.rev, "why": one.why} for one in index.left_out]
    return found


def _text(report: ExportReport) -> str:
    index = report.index
    state = "NOT VERIFIED" if report.failed else "verified"
    wanted, size = sum(len(one.revs) for one in index.repos), bytes_text(index.size)
    repos = f"{counted(len(index.repos), 'repository', 'repositories')}, {len(report.revisions)} of {counted(wanted, 'revision')}"
    lines = [f"{state}: export of {index.origin} from {rfc3339(index.time)}{'' if index.public else ', NOT PUBLIC'}, {repos}"]
    lines += rows("files", [f"{index.files:,}, {size}; each is what was exported"] if not report.failed else [])
    lines += rows("log", [f"{origin}, {leaves:,} leaves, replayed from the first" for origin, leaves in report.logs.items()])
    told = [
        f"{one.revision.repo}@{one.revision.rev[:12]}: {one.revision.decision.rung.value}, {len(one.revision.files)} files"
        for one in report.revisions
    ]
    lines += rows("revision", [*told[:_SHOWN], *([f"and {len(told) - _SHOWN} more"] if len(told) > _SHOWN else [])])
    left_out = [f"{one.repo}{f' {one.rev[:12]}' if one.rev else ''}: {one.why}" for one in index.left_out]
    lines += rows("left out", left_out[:_SHOWN])
    lines += rows("note", [clean(one) for one in dict.fromkeys([*report.notices, *_notices(report)])][:_SHOWN])
    return "\n".join([*lines, *failed_rows(report.failed)])


def _notices(report: ExportReport) -> list[str]:
    warnings = [f"{one.rule}: {one.says}" for found in report.revisions for one in found.revision.decision.warnings]
    return warnings + [text for found in report.revisions for text in found.revision.notices]
