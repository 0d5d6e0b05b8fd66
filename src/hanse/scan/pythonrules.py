"""What the calls of a Python program mean for whoever loads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hanse.model.finding import Verdict
from hanse.scan.facts import Observation, View
from hanse.scan.formats import Context
from hanse.scan.ruleset import Hit, Ruleset

AREA = "python"
HIDDEN = frozenset(("decoded", "fetched"))


class _Judge:
    """Judges one program; `rules` has the lists of names."""

    def __init__(self, view: View, context: Context) -> None:
        self._view = view
        self._rules: Ruleset = context.rules
        self._load = self.names("load")
        calls = list(view.all("python.call"))
        self._calls = calls
        self._called = {one.data["name"] for one in calls}

    def names(self, key: str) -> frozenset[str]:
        """Return a list of the ruleset."""
        return self._rules.names(AREA, key)

    def hits(self) -> Iterator[Hit]:
        """Yield what applies."""
        for one in self._calls:
            for table, check in _CHECKS:
                if self._is(one, table):
                    yield from check(self, one)
                    break
            yield from self._paths(one)
            yield from self._sent(one)
        yield from self._shell()

    def _is(self, one: Observation, table: str) -> bool:
        name = one.data["name"]
        return name in self.names(table) or (name.startswith("?.") and name in self.names(f"{table}_methods"))

    def at_load(self, one: Observation) -> bool:
        """Tell whether loading runs this call: at import, or when a loader builds the model or data set."""
        return not self._load.isdisjoint(one.data["entries"])

    def hit(self, rule: str, one: Observation, severity: Verdict | None = None, **words: object) -> Hit:
        """Return a hit at a call."""
        when = "importing it" if "<module>" in one.data["entries"] else "loading" if self.at_load(one) else "using the model"
        return Hit(rule, self._view.member, one.at, one.data["name"], None, severity, {"when": when, **words})

    # Processes

    def process(self, one: Observation) -> Iterator[Hit]:
        """Yield the rules for starting a program."""
        labels, command = set(one.data.get("labels", ())), _command(one)
        text = " ".join(part or "…" for part in command)
        if one.data.get("disguised"):
            yield self.hit("PYTHON-CALL-DISGUISED", one)
        elif self._payload(text):
            yield self.hit("PYTHON-PROCESS-PAYLOAD", one, command=text[:120])
        elif self._tools(command) or self._query(command):
            remote = any(mark in text for mark in self.names("install_marks")) and "install" in text
            yield self.hit("PYTHON-PROCESS-INSTALL" if remote else "PYTHON-PROCESS-TOOL", one, command=text[:120])
        elif labels & HIDDEN or "socket" in labels:
            severity = None if self.at_load(one) or "decoded" in labels else Verdict.SUSPICIOUS
            yield self.hit("PYTHON-PROCESS-HIDDEN", one, severity, command=text[:120])
        elif self.at_load(one) and command and "…" not in text:
            yield self.hit("PYTHON-PROCESS-LOAD", one, command=text[:120])
        elif self.at_load(one) and "handed on" not in labels:
            yield self.hit("PYTHON-PROCESS-UNKNOWN", one)
        else:
            yield self.hit("PYTHON-PROCESS-USE", one)

    def _payload(self, text: str) -> bool:
        plain = text.lower()
        return any(all(_stands_in(mark, plain) for mark in marks) for marks in self._rules.data[AREA]["payloads"])

    def _query(self, command: list[str | None]) -> bool:
        """Tell whether a command only asks an installed program about itself."""
        words = command[0].split() if len(command) == 1 and command[0] is not None else command
        asked = len(words) == 2 and words[1] in self.names("queries")
        return asked and words[0] is not None and words[0].replace("-", "").replace("_", "").isalnum()

    def _tools(self, command: list[str | None]) -> bool:
        """Tell whether every program of a command line is an ordinary tool."""
        if not command or command[0] is None:
            return False
        pieces = [command[0]]
        if len(command) == 1:
            for mark in ("&&", "||", ";", "|", "\n"):
                pieces = [part for piece in pieces for part in piece.split(mark)]
        words = [[word for word in piece.split() if "=" not in word] for piece in pieces if piece.strip()]
        shell = any(mark in command[0] for mark in ("$(", "`", "<("))
        tools = self.names("tools")
        return not shell and bool(words) and all(bool(one) and _program(one[0]) in tools for one in words)

    # Code

    def dynamic(self, one: Observation) -> Iterator[Hit]:
        """Yield the rules for running a text as code."""
        labels = set(one.data.get("labels", ()))
        if one.data.get("disguised"):
            yield self.hit("PYTHON-CALL-DISGUISED", one)
        elif "decoded" in labels:
            yield self.hit("PYTHON-EXEC-DECODED", one)
        elif "fetched" in labels:
            yield self.hit("PYTHON-EXEC-FETCHED", one)
        elif any(label.startswith("env") for label in labels) and "partial" not in labels:
            # Whoever runs the program owns its environment, unless the program fills it.
            filled = not self._called.isdisjoint(self.names("fills_environment"))
            yield self.hit("PYTHON-EXEC-OUTSIDE" if filled else "PYTHON-EXEC-ENVIRONMENT", one)
        else:
            yield self.hit("PYTHON-EXEC", one)

    def unpickle(self, one: Observation) -> Iterator[Hit]:
        """Yield the rules for reading pickles."""
        if HIDDEN & set(one.data.get("labels", ())):
            yield self.hit("PYTHON-UNPICKLE-FETCHED", one, None if self.at_load(one) else Verdict.SUSPICIOUS)
        else:
            yield self.hit("PYTHON-UNPICKLE", one)

    def native(self, one: Observation) -> Iterator[Hit]:
        """Yield the rules for loading machine code."""
        if HIDDEN & set(one.data.get("labels", ())):
            yield self.hit("PYTHON-NATIVE-HIDDEN", one)
        else:
            yield self.hit("PYTHON-NATIVE", one)

    def machine(self, one: Observation) -> Iterator[Hit]:
        """Yield the rule for calls that place machine code in memory."""
        yield self.hit("PYTHON-NATIVE-HIDDEN", one)

    def remote(self, one: Observation) -> Iterator[Hit]:
        """Yield the rule for code that another repository provides."""
        yield self.hit("PYTHON-REMOTE-CODE", one)

    # Files

    def _paths(self, one: Observation) -> Iterator[Hit]:
        """Yield the rules for touching files that start programs or hold secrets."""
        named = {label[5:] for label in one.data.get("labels", ()) if label.startswith("file:")}
        arguments = one.data.get("arguments", [])
        if self._is(one, "files") and arguments and isinstance(arguments[0], str):
            named.add(arguments[0])
        for path in sorted(named):
            if self._writes(one) and self._matches(path, "startup_files"):
                severity = None if self.at_load(one) else Verdict.SUSPICIOUS
                yield self.hit("PYTHON-WRITE-STARTUP", one, severity, path=path)
            elif self._is(one, "files") and self._matches(path, "secret_files"):
                yield self.hit("PYTHON-READ-SECRET", one, path=path)

    def _writes(self, one: Observation) -> bool:
        arguments, keywords = one.data.get("arguments", []), one.data.get("keywords", {})
        mode = keywords.get("mode", arguments[1] if len(arguments) > 1 else "")
        return self._is(one, "writers") or (self._is(one, "files") and isinstance(mode, str) and bool(set(mode) & set("wax+")))

    def _matches(self, path: str, table: str) -> bool:
        return any(mark in path for mark in self.names(table))

    # Networks

    def _sent(self, one: Observation) -> Iterator[Hit]:
        """Yield the rules for what leaves by network."""
        if not self._is(one, "network"):
            return
        carried = one.data.get("carried", {})
        aside = {label for name in ("headers", "auth", "cookies") for label in carried.get(name, ())}
        labels = set(one.data.get("labels", ()))
        body = labels - aside | {label for name, found in carried.items() if name not in {"headers", "auth"} for label in found}
        secret = [label for label in body if label.startswith("env:") and label[4:].upper().endswith(self._secret_ends())]
        files = [label for label in labels if label.startswith("file:") and self._matches(label, "secret_files")]
        if "environ" in labels or files:
            yield self.hit("PYTHON-EXFILTRATE", one, what=files[0][5:] if files else "every environment variable")
        elif secret and self.at_load(one):
            yield self.hit("PYTHON-EXFILTRATE", one, what=f"the environment variable {min(secret)[4:]}")
        elif "host" in labels:
            yield self.hit("PYTHON-EXFILTRATE-HOST", one)
        elif self.at_load(one):
            yield self.hit("PYTHON-NETWORK", one)

    def _secret_ends(self) -> tuple[str, ...]:
        return tuple(sorted(self.names("secret_variables")))

    def _shell(self) -> Iterator[Hit]:
        """Yield the rule for a shell whose streams are a network connection."""
        if self._called.isdisjoint(self.names("connects")):
            return
        for one in self._calls:
            if one.data["name"] in self.names("streams"):
                yield self.hit("PYTHON-REVERSE-SHELL", one)
                return


_CHECKS: tuple[tuple[str, Callable[[_Judge, Observation], Iterator[Hit]]], ...] = (
    ("process", _Judge.process),
    ("dynamic", _Judge.dynamic),
    ("unpickle", _Judge.unpickle),
    ("machine", _Judge.machine),
    ("native", _Judge.native),
    ("remote", _Judge.remote),
)


def _command(one: Observation) -> list[str | None]:
    """Return the words of the command that a call starts, None for unknown ones; one word for a shell's command line."""
    arguments: list[Any] = one.data.get("arguments", [])
    keywords: dict[str, Any] = one.data.get("keywords", {})
    first = arguments[0] if arguments else keywords.get("args", keywords.get("cmd", keywords.get("command")))
    if isinstance(first, int) and len(arguments) > 1:
        first = arguments[1]
    if isinstance(first, list):
        return [word if isinstance(word, str) else None for word in first]
    return [first] if isinstance(first, str) and not first.startswith("<") else []


def _stands_in(mark: str, text: str) -> bool:
    """Tell whether text has a mark, not as the end of a longer word: `sh -i`, but not in `ssh -i`."""
    at = text.find(mark)
    while at > 0 and mark[0].isalnum() and text[at - 1].isalnum():
        at = text.find(mark, at + 1)
    return at >= 0


def _program(word: str) -> str:
    """Return the plain name of a program: without folder, `.exe` and the prefix of a cross compiler."""
    name = word.rpartition("/")[2].lower().removesuffix(".exe")
    return name.rpartition("-")[2] if name.count("-") >= 2 else name


def judge_program(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to a program."""
    program = view.first("python.program")
    if program is None or not program.data["statements"]:
        return
    if not program.data["whole"] or program.data["refused"]:
        yield Hit("PYTHON-UNREADABLE", view.member, words={"count": program.data["refused"]})
    if program.data["cut"] and view.stopped is None:
        yield Hit("PYTHON-UNREAD", view.member)
    yield Hit("PYTHON-CODE", view.member)
    for one in view.all("python.encoding"):
        yield Hit("PYTHON-ENCODING", view.member, one.at, words={"name": one.data["name"]})
    watched = context.rules.names(AREA, "process") | context.rules.names(AREA, "dynamic") | context.rules.names(AREA, "watched")
    parts = {part for name in watched for part in name.split(".")}
    for one in view.all("python.folded"):
        if one.data["name"] in parts:
            yield Hit("PYTHON-NAME-FOLDED", view.member, one.at, words={"name": one.data["name"]})
    yield from _Judge(view, context).hits()
