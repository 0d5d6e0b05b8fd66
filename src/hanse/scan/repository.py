"""What only shows when the files of a repository are seen together: which programs loaders reach, whether shards are all there.

Judged on settled revisions only, since clients split uploads over several commits; never a reason to refuse a commit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from hanse.model.finding import Coverage, Finding, Judgement, RepositoryJudgement, worst
from hanse.scan.facts import Facts, Observation
from hanse.scan.limits import too_much
from hanse.scan.repoconfig import AREA, contradictions, series_of
from hanse.scan.ruleset import Hit, Ruleset
from hanse.scan.versions import SCANNER

MAX_FINDINGS = 200
MAX_REACHED = 1_000
POINTER = b"version https://"


class Repository:
    """The files of one revision. name: last part of the repository's name, empty if unknown; digests: of contents, by path."""

    def __init__(self, files: Mapping[str, Facts], rules: Ruleset, name: str, digests: Mapping[str, str]) -> None:
        self.files = {path: files[path] for path in sorted(files)}
        self.rules = rules
        self.name = name
        self.digests = digests
        self.missing: list[tuple[str, str]] = []
        self.cut = False
        self.reached = self._reached()

    def observations(self, format_name: str, *kinds: str) -> Iterator[tuple[str, Observation]]:
        """Yield (path, observation) of these kinds over all files, members of archives left out."""
        for path, facts in self.files.items():
            for view in facts.of(format_name, ""):
                yield from ((path, one) for one in view.all(*kinds))

    def has(self, path: str, *formats: str) -> bool:
        """Tell whether a file was read as one of these formats."""
        return any(view.format in formats and not view.member for view in self.files[path].views)

    def listed(self, key: str) -> frozenset[str]:
        """Return a list of the ruleset."""
        return self.rules.names(AREA, key)

    def _reached(self) -> dict[str, str]:
        """Return the programs that loaders run, each with what names it: entries, then what they import, step by step."""
        found = dict(self._entries())
        waiting = list(found)
        while waiting:
            path = waiting.pop()
            for target in self._imports(path):
                if target in found:
                    continue
                if len(found) >= MAX_REACHED:
                    self.cut = True
                    break
                found[target] = path
                waiting.append(target)
        return dict(sorted(found.items()))

    def _imports(self, path: str) -> Iterator[str]:
        """Yield the files of the repository that a program imports."""
        for view in self.files[path].of("python", ""):
            for one in view.all("python.import"):
                yield from (target for target in _imported(path, one.data["module"], one.data["name"]) if target in self.files)

    def _entries(self) -> Iterator[tuple[str, str]]:
        for path, one in self.observations("hubconfig", "hubconfig.auto_map"):
            classes = one.data["classes"]
            for named in classes.values():
                for reference in named if isinstance(named, list) else [named]:
                    yield from self._module(path, str(reference))
        for path in self.files:
            if path in self.listed("entries"):
                yield path, "its name"
            elif self.name and path == f"{self.name}.py":
                yield path, "the repository's name"

    def _module(self, config: str, reference: str) -> Iterator[tuple[str, str]]:
        if "--" in reference or "." not in reference or ".." in reference or "/" in reference:
            return
        folder = config.rpartition("/")[0]
        target = _join(folder, f"{reference.split('.', 1)[0]}.py")
        if target in self.files:
            yield target, config
        else:
            self.missing.append((config, target))


def judge_repository(
    files: Mapping[str, Facts],
    rules: Ruleset,
    judgements: Mapping[str, Judgement] | None = None,
    *,
    name: str = "",
    digests: Mapping[str, str] | None = None,
) -> RepositoryJudgement:
    """Return the verdict on all files of a revision together.

    judgements: the files' own verdicts, which count, too; name: the repository's, without its namespace; digests: of the files'
    contents, by path, to tell copies.
    """
    repository = Repository(files, rules, name, digests or {})
    found: dict[Finding, None] = {}
    for check in CHECKS:
        found |= dict.fromkeys(rules.finding(hit) for hit in check(repository))
    findings = sorted(found, key=lambda one: (-one.severity.rank, one.member, one.rule, one.says))
    own = list((judgements or {}).values())
    return RepositoryJudgement(
        verdict=worst([one.severity for one in findings] + [one.verdict for one in own]),
        coverage=_coverage(repository, own),
        findings=tuple(findings[:MAX_FINDINGS]),
        reached=tuple(repository.reached),
        files=len(files),
        scanner=SCANNER,
        ruleset=rules.digest,
    )


def _coverage(repository: Repository, judgements: list[Judgement]) -> Coverage:
    coverages = {one.coverage for one in judgements}
    if Coverage.ERROR in coverages:
        return Coverage.ERROR
    unread = repository.cut or any(view.stopped for path in repository.reached for view in repository.files[path].of("python"))
    return Coverage.INCONCLUSIVE if unread or Coverage.INCONCLUSIVE in coverages else Coverage.COMPLETE


def code(repository: Repository) -> Iterator[Hit]:
    """Yield the rules for programs that loaders run, and for those they would look for in vain."""
    for path, by in repository.reached.items():
        rule = "REPO-DATASET-SCRIPT" if by == "the repository's name" else "REPO-CODE-REACHED"
        yield Hit(rule, path, words={"path": path, "by": by})
    if repository.cut:
        yield too_much("programs that loaders run", MAX_REACHED)
    for config, target in repository.missing:
        yield Hit("REPO-CODE-MISSING", config, words={"path": target, "by": config})


def weights(repository: Repository) -> Iterator[Hit]:
    """Yield the rule for weights that exist only in a form that runs code."""
    pickled = [
        path for path in repository.files if _ends(path, repository.listed("pickled")) and repository.has(path, "pickle", "torch")
    ]
    safe = any(_ends(path, repository.listed("safe")) for path in repository.files)
    if pickled and not safe:
        yield Hit("REPO-PICKLE-ONLY", pickled[0], words={"path": pickled[0]})


def shards(repository: Repository) -> Iterator[Hit]:
    """Yield the rules for an index whose shards are not the files that are there."""
    indexes: dict[str, tuple[set[str], int, object]] = {}
    for path, one in repository.observations("hubconfig", "hubconfig.index"):
        known = indexes.get(path, (set(), 0, None))[0]
        indexes[path] = (known | set(one.data["files"]), one.data["count"], one.data.get("total_size"))
    for path, (names, count, total) in sorted(indexes.items()):
        folder = path.rpartition("/")[0]
        outside = sorted(name for name in names if name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name)
        for name in outside:
            yield Hit("REPO-SHARD-OUTSIDE", path, words={"path": path, "name": name})
        targets = {_join(folder, name) for name in names if name not in outside}
        for target in sorted(targets - repository.files.keys()):
            yield Hit("REPO-SHARD-MISSING", path, words={"path": path, "name": target})
        if count == len(names):
            yield from _extra(repository, path, targets)
        yield from _total(repository, path, targets, total)


def _extra(repository: Repository, index: str, targets: set[str]) -> Iterator[Hit]:
    """Yield shards of the same series that the index does not name."""
    series = {series_of(target) for target in targets} - {""}
    for path in repository.files.keys() - targets:
        if series_of(path) in series:
            yield Hit("REPO-SHARD-EXTRA", path, words={"path": index, "name": path})


def _total(repository: Repository, index: str, targets: set[str], total: object) -> Iterator[Hit]:
    """Yield the rule for shards that hold more or less than the index says; only where all of them are safetensors."""
    sizes = [
        view.first("safetensors.tensors")
        for one in targets & repository.files.keys()
        for view in repository.files[one].of("safetensors", "")
    ]
    known = [one.data["data"] for one in sizes if one is not None]
    if (
        targets
        and isinstance(total, int)
        and total > 0
        and len(known) == len(targets)
        and all(isinstance(one, int) for one in known)
    ):
        held = sum(known)
        # Tied weights are counted twice by some writers and once by others.
        if held * 2 < total or held > total * 2:
            yield Hit("REPO-SHARD-SIZE", index, words={"path": index, "held": held, "total": total})


def copies(repository: Repository) -> Iterator[Hit]:
    """Yield the rule for one content under names of different kinds, when it is something that loaders run."""
    same: dict[str, list[str]] = defaultdict(list)
    for path in repository.files:
        if path in repository.digests and repository.files[path].size:
            same[repository.digests[path]].append(path)
    for paths in same.values():
        passive = [path for path in paths if _ends(path, repository.listed("passive"))]
        if passive and len(passive) < len(paths) and _active(repository, passive[0]):
            other = next(path for path in paths if path not in passive)
            yield Hit("REPO-LABEL", passive[0], words={"path": passive[0], "other": other})


def _active(repository: Repository, path: str) -> bool:
    """Tell whether a file is something that loaders run; words that read as Python are nothing unless they call or import."""
    formats = repository.listed("active_formats")
    calls = any(view.first("python.call") or view.first("python.import") for view in repository.files[path].of("python", ""))
    return repository.has(path, *(formats - {"python"})) or ("python" in formats and calls)


def names(repository: Repository) -> Iterator[Hit]:
    """Yield the rules for files that start programs by their name, and for names that differ only in case."""
    folded: dict[str, str] = {}
    for path, facts in repository.files.items():
        base = path.rpartition("/")[2].lower()
        if base in repository.listed("startup") or (
            base.endswith(".pth") and repository.has(path, "python") and not repository.has(path, "pickle")
        ):
            yield Hit("REPO-STARTUP", path, words={"path": path})
        elif base in repository.listed("scripts") or _ends(base, repository.listed("script_ends")):
            yield Hit("REPO-SCRIPT", path, words={"path": path})
        if (other := folded.setdefault(path.lower(), path)) != path:
            yield Hit("REPO-CASE", path, words={"path": path, "other": other})
        if facts.size < 1024 and _head(facts).startswith(POINTER):
            yield Hit("REPO-POINTER", path, words={"path": path})


CHECKS: tuple[Callable[[Repository], Iterator[Hit]], ...] = (code, weights, shards, contradictions, copies, names)


def _head(facts: Facts) -> bytes:
    head = next((one for view in facts.of("file", "") for one in view.all("file.head")), None)
    return bytes.fromhex(head.data["bytes"]) if head is not None else b""


def _imported(path: str, module: str, name: str) -> Iterator[str]:
    """Yield the files in the repository that an import in `path` could mean."""
    folder = path.rpartition("/")[0]
    dots = len(module) - len(module.lstrip("."))
    for _ in range(dots - 1):
        folder = folder.rpartition("/")[0]
    base = _join(folder, module.lstrip(".").replace(".", "/"))
    for target in (base, _join(base, name)):
        yield from (f"{target}.py", f"{target}/__init__.py")


def _join(folder: str, name: str) -> str:
    return "/".join(part for part in (folder, name) if part)


def _ends(path: str, ends: frozenset[str]) -> bool:
    return path.lower().endswith(tuple(sorted(ends)))
