"""Tables in the documentation that are made from code: settings, errors, routes, scan rules, policies and tested clients.

`python -m tests.docs.tables [RESULTS]` writes them into the pages, between `<!-- table: NAME -->` and `<!-- end -->`; RESULTS is
the file of `tests.docs.results` from a real run of the client tests. tests/docs/test_tables.py compares pages and code.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.docs.results import Fact
from tests.support.attacks import ROWS
from tests.support.membership import ROWS as MEMBER_ROWS
from tests.support.membership import SHOWN

from hanse import errors
from hanse.errors import HanseError
from hanse.flows.rulesets import COMPILED, builtin_parts, builtin_ruleset
from hanse.policy.evidence_form import EVIDENCE_KEYS
from hanse.policy.explain import RULES as POLICY_RULES
from hanse.policy.explain import to_json
from hanse.policy.form import KEYS, RESERVED, RESERVED_GROUPS, Key
from hanse.policy.presets import PRESETS
from hanse.policy.rules import Evidence, Policy
from hanse.scan.ruleset import compile_ruleset
from hanse.settings import documented
from hanse.web.errors import STATUS
from hanse.web.server import all_routes

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ELSEWHERE = {"liars": "simulation"}
COLUMNS = ("hub2", "hub1", "hub0", "hub034", "npm", "torch")


def _rows(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def settings_table() -> str:
    """Return every setting with its environment variable, default and meaning."""
    rows = [[f"`{name}`", f"`HANSE_{name.upper()}`", doc.default, doc.text] for name, doc in documented().items()]
    return _rows(["setting", "environment", "default", "meaning"], rows)


def errors_table() -> str:
    """Return every error, family by family, with its code, HTTP status and meaning."""
    kinds: list[type[HanseError]] = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HanseError)
    ]
    rows = []
    for kind in kinds:
        status = next(STATUS[base] for base in kind.__mro__ if base in STATUS)
        family = kind.__mro__[-5].__name__ if len(kind.__mro__) > 5 else "**family**"
        meaning = (inspect.getdoc(kind) or "").splitlines()[0]
        rows.append([f"`{kind.code}`", str(status), family, meaning])
    return _rows(["code", "HTTP", "family", "meaning"], rows)


def routes_table() -> str:
    """Return every route with what its handler does."""
    rows = []
    for route in all_routes():
        meaning = (inspect.getdoc(route.handler) or "").splitlines()[0]
        signed = route.pattern.startswith(("/cas/", "/api/lfs/"))
        who = "anybody, or an account" if route.auth else "Xet token or signed address" if signed else "anybody"
        rows.append([route.method, f"`{route.pattern}`", who, meaning])
    return _rows(["method", "path", "who", "what"], rows)


def rules_table() -> str:
    """Return a section for every rule of the built-in ruleset, by area."""
    lines: list[str] = []
    area = ""
    for name, rule in sorted(builtin_ruleset().rules.items()):
        if (begin := name.partition("-")[0]) != area:
            area = begin
            lines.append(f"## {area}\n")
        refs = f" See {', '.join(rule.refs)}." if rule.refs else ""
        lines.append(f"### {name}\n\n**{rule.severity.value}**: {rule.title}. {rule.meaning}\n")
        lines.append(f"- *Triggered by* {rule.example}\n- *To pass:* {rule.remedy}\n- *From:* {rule.source}.{refs}\n")
    return "\n".join(lines)


def policy_tables() -> str:
    """Return every key of a policy with what the presets say, every rule, and the names that are kept for later."""
    text = "## Keys\n\n"
    cells = [[f"`{key.path}`", key.takes, *(f"`{_shown(key, one)}`" for one in PRESETS.values()), key.text] for key in KEYS]
    text += _rows(["key", "takes", *(f"`{name}`" for name in PRESETS), "meaning"], cells)
    asked = Evidence("NAME")
    cells = [[f"`{key.name}`", key.takes, _default(getattr(asked, key.name)), key.text] for key in EVIDENCE_KEYS]
    text += "\n## Keys of `[[evidence]]`\n\n" + _rows(["key", "takes", "default", "meaning"], cells)
    text += "\n## Rules\n\n" + _rows(["rule", "passes where"], [[f"`{name}`", says] for name, says in POLICY_RULES.items()])
    later = [[f"`{name}`", says] for name, says in RESERVED.items()]
    later += [[f"`groups.{name}`", says] for name, says in RESERVED_GROUPS.items()]
    return text + "\n## Kept for later\n\n" + _rows(["name", "will say"], later)


def _shown(key: Key, policy: Policy) -> str:
    value: Any = to_json(policy)
    for name in key.path.split("."):
        value = value[name]
    return json.dumps(value) if not isinstance(value, str) else value


def _default(value: Any) -> str:
    plain = getattr(value, "value", value)
    if plain in (None, 0) or plain == "NAME":
        return "must be given" if plain == "NAME" else "`false`" if plain is False else "nothing"
    return f"`{json.dumps(plain)}`" if not isinstance(plain, str) else f"`{plain}`"


def attacks_table() -> str:
    """Return every attack on the trust layer, as its test declares it and is held to."""
    for path in sorted((ROOT / "tests" / "attacks").glob("test_trust_*.py")):
        importlib.import_module(f"tests.attacks.{path.stem}")
    head = ["attack", "by", "prevented", "refused by", "noticed by", "works without", "limit", "test"]
    rows = []
    for name, row in sorted(ROWS.items()):
        refused, noticed = (", ".join(sorted(one)) or "nobody" for one in (row.refused, row.noticed))
        prevented = "nothing to prevent" if row.who == "nobody" else "yes" if row.prevented else "**no**"
        rows.append([row.what, row.who, prevented, refused, noticed, f"`{row.rule}`" if row.rule else "", row.limit, f"`{name}`"])
    return _rows(head, rows)


def members_table() -> str:
    """Return every attack on a federation's list of members, as its test declares it and is held to."""
    importlib.import_module("tests.attacks.test_members")
    rows = []
    for name, row in sorted(MEMBER_ROWS.items()):
        refused = ", ".join(sorted(row.refused)) or "nobody"
        rows.append([row.what, row.who, "yes" if row.prevented else "**no**", refused, row.limit, f"`{name}`"])
    return _rows(["attack", "by", "prevented", "sees what is false", "limit", "test"], rows)


def liars_table() -> str:
    """Return what liars can do in the simulated federation, by their warnings, stories and silence, as its tests declare it."""
    importlib.import_module("tests.property.test_simulated_liars")
    rows = []
    for name, row in sorted(SHOWN.items()):
        rows.append([row.what, row.who, "yes" if row.prevented else "**no**", row.limit, f"`{name}`"])
    return _rows(["attack", "by", "prevented", "limit", "test"], rows)


def collected() -> list[Fact]:
    """Return the client tests that exist, without running them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "facts.json"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "tests/compat",
            "--collect-only",
            "-q",
            "-p",
            "tests.docs.results",
            "-p",
            "no:xdist",
        ]
        subprocess.run([*command, "--client-results", str(path)], cwd=ROOT, check=True, capture_output=True, timeout=120)
        return read_results(path)


def read_results(path: Path) -> list[Fact]:
    """Return the facts that the plugin wrote."""
    return [Fact(**row) for row in json.loads(path.read_text())]


def _version(client: str, package: str) -> str:
    listing = (ROOT / "tests" / "compat" / f"requirements-{client}.txt").read_text()
    found = re.search(rf"^{package}==(\S+)", listing, re.MULTILINE)
    return found[1] if found else ""


def client_names() -> dict[str, str]:
    """Return the column heads: each client with its exact version."""
    npm = json.loads((ROOT / "tests" / "compat" / "npm" / "package.json").read_text())["dependencies"]["@huggingface/hub"]
    hubs = {
        name: f"huggingface_hub {_version(name, 'huggingface-hub')}, hf-xet {_version(name, 'hf-xet')}"
        for name in ("hub2", "hub1", "hub0", "hub034")
    }
    return hubs | {
        "npm": f"@huggingface/hub {npm}",
        "torch": f"sentence-transformers {_version('torch', 'sentence-transformers')}",
    }


def _cell(facts: list[Fact]) -> str:
    if not facts:
        return ""
    modes = " and ".join(mode for mode in ("Xet", "HTTP") if any(fact.mode == mode for fact in facts)) or "yes"
    bad = any(fact.outcome not in {"passed", "collected"} for fact in facts)
    return ("**fails**: " if bad else "") + modes + (" (soak)" if all(fact.soak for fact in facts) else "")


def clients_table(facts: list[Fact]) -> str:
    """Return feature by client: which transport passed."""
    features = list(dict.fromkeys(fact.feature for fact in facts))
    rows = [
        [feature, *(_cell([fact for fact in facts if (fact.feature, fact.client) == (feature, client)]) for client in COLUMNS)]
        for feature in features
    ]
    names = client_names()
    return _rows(["what the test shows", *(names[client] for client in COLUMNS)], rows)


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "errors": errors_table,
    "routes": routes_table,
    "rules": rules_table,
    "policy": policy_tables,
    "attacks": attacks_table,
    "simulation": members_table,
    "liars": liars_table,
    "clients": lambda: clients_table(collected()),
}


def page_of(name: str) -> Path:
    """Return the page that a table is in: that of its name, but for those that share one."""
    return DOCS / f"{ELSEWHERE.get(name, name)}.md"


def table_in(name: str) -> str:
    """Return the table that the page holds now."""
    text = page_of(name).read_text(encoding="utf-8")
    found = re.search(rf"<!-- table: {name} -->\n(.*?)<!-- end -->", text, re.DOTALL)
    return found[1] if found else ""


def write(name: str, table: str) -> None:
    """Put `table` into its page."""
    path = page_of(name)
    text = path.read_text(encoding="utf-8")
    begin, end = f"<!-- table: {name} -->\n", "<!-- end -->"
    head, rest = text.split(begin)
    path.write_text(head + begin + table + end + rest.partition(end)[2], encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Write all tables and the compiled ruleset; the table of clients only from results of a real run."""
    # The compiled ruleset first: the page of rules is written from what ships.
    (ROOT / "src" / "hanse" / "rules" / COMPILED).write_bytes(compile_ruleset(builtin_parts()))
    builtin_ruleset.cache_clear()
    for name in ("settings", "errors", "routes", "rules", "policy", "attacks", "simulation", "liars"):
        write(name, TABLES[name]())
    if arguments:
        write("clients", clients_table(read_results(Path(arguments[0]))))


if __name__ == "__main__":
    main(sys.argv[1:])
