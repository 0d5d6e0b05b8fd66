"""The environment of programs behind a gateway."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hanse.flows.gateway.env import (
    BEHIND,
    GUEST,
    OLD_CACHES,
    PUBLIC_HUB,
    TABLE_CACHES,
    cache_of,
    client_env,
    exports,
    hub_cache,
    node_options,
    policy_key,
    repo_folder,
)
from hanse.policy.presets import PRESETS

URL = "http://127.0.0.1:1/s"
CACHE = Path("/home/x/hub-cache/open-01234567")


def test_what_clients_are_told() -> None:
    """Endpoint, caches and time-outs are the gateway's; Xet, which would go around it, is off."""
    found = client_env({"PATH": "/bin", "HF_ENDPOINT": "https://old.example", "NO_PROXY": "a.example"}, URL, CACHE)
    assert found["HF_ENDPOINT"] == URL
    assert found["HF_HUB_CACHE"] == str(CACHE)
    assert found["HF_DATASETS_CACHE"] == "/home/x/datasets-cache/open-01234567"
    assert found["HF_HUB_DOWNLOAD_TIMEOUT"] == found["HF_HUB_ETAG_TIMEOUT"] == "86400"
    assert found["HF_HUB_DISABLE_SHARED_BLOBS"] == found["HF_HUB_DISABLE_XET"] == "1"
    assert found["NO_PROXY"] == "a.example,127.0.0.1,localhost"
    assert found["no_proxy"] == "127.0.0.1,localhost"
    assert found[BEHIND] == "https://old.example"
    assert found["NODE_OPTIONS"] == f"--require {GUEST / 'hub.cjs'}"
    assert found["PATH"] == "/bin"


def test_other_caches_are_out_of_reach() -> None:
    """A cache that another variable names is not looked into: no policy judged what lies there."""
    always = ("HUGGINGFACE_HUB_CACHE", "SENTENCE_TRANSFORMERS_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE")
    named = (*always, *OLD_CACHES, *TABLE_CACHES)
    found = client_env(dict.fromkeys(named, "/old"), URL, CACHE)
    assert "/old" not in found.values()
    assert set(OLD_CACHES) <= set(named) <= set(found)
    assert not set(OLD_CACHES) & set(client_env({}, URL, CACHE))  # a library warns of a name that is old
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "SENTENCE_TRANSFORMERS_HOME"):  # old libraries know one of these
        assert client_env({}, URL, CACHE)[name] == str(CACHE)


def test_nothing_counts_more_than_the_gateway() -> None:
    """Variables by which clients would ask another hub name the gateway, or no hub, where they are set; else they stay unset."""
    given = {"HUGGINGFACE_CO_STAGING": "1", "MODEL_ENDPOINT": "/a"}
    found = client_env(given, URL, CACHE)
    assert (found["HUGGINGFACE_CO_STAGING"], found["MODEL_ENDPOINT"]) == ("0", URL)
    assert not given.keys() & client_env({}, URL, CACHE).keys()


@pytest.mark.parametrize("folder", ["plain", "with space", 'a "b" \\c', "back\\slash", "\\ \\\\ 'x' #$`"])
def test_node_loads_what_is_named(tmp_path: Path, folder: str) -> None:
    """Node finds the file whatever its path holds, before the files that the user's own NODE_OPTIONS name, which stay."""
    first, second = tmp_path / folder / "first.cjs", tmp_path / "second.cjs"
    first.parent.mkdir()
    first.write_text("console.log('first')")
    second.write_text("console.log('second', process.execArgv.length)")
    options = node_options(f'--no-warnings --require "{second}"', first)
    environ = {"PATH": os.environ["PATH"], "NODE_OPTIONS": options}
    done = subprocess.run(["node", "-e", "0"], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["first", "second 2", ""]


def test_node_loads_it_once() -> None:
    """A gateway behind another one adds nothing to NODE_OPTIONS, wherever it stands; a path that only begins so is another."""
    hub = Path("/a b/hub.cjs")
    once = node_options("", hub)
    assert once == '--require "/a b/hub.cjs"'
    assert node_options(once, hub) == once
    assert node_options(f"--a {once} --b", hub) == f"--a {once} --b"
    plain = node_options("--require /a/hub.cjs.old", Path("/a/hub.cjs"))
    assert plain == "--require /a/hub.cjs --require /a/hub.cjs.old"  # no quotes, which Node before 12 would take for a part of it


def test_a_cache_per_policy(tmp_path: Path) -> None:
    """Two policies share no cache, also if they are called the same; a name cannot lead elsewhere."""
    policy = PRESETS["open"]
    other = replace(policy, scan=replace(policy.scan, of="somebody"))
    assert policy_key(policy) == policy_key(replace(policy))
    assert policy_key(policy) != policy_key(other)
    assert policy_key(policy).startswith("open-")
    odd = policy_key(replace(policy, name="../../etc/x y"))
    assert "/" not in odd
    assert not odd.startswith(".")
    assert hub_cache(tmp_path, policy).parent == tmp_path / "hub-cache"
    assert repo_folder(tmp_path, "models", "org/m").name == "models--org--m"


def test_a_cache_per_upstream(tmp_path: Path) -> None:
    """What one hub claimed of a commit id is not found by a program that asks another one; who asks none has the public hub's."""
    public = cache_of(tmp_path, "open-01234567", PUBLIC_HUB)
    assert public == cache_of(tmp_path, "open-01234567") == tmp_path / "hub-cache" / "open-01234567"
    others = {cache_of(tmp_path, "open-01234567", url) for url in ("http://a", "http://b", "http://a")}
    assert len(others - {public}) == 2


def test_the_shell_understands_it() -> None:
    """A shell that evaluates the lines has the changed environment, whatever values hold; fish knows `export` and no `unset`."""
    before = {"OLD": "1", "HF_ENDPOINT": "x"}
    after = {"OLD": "1", "HF_ENDPOINT": "a b'c\"$d", "NEW": "`id`\nline"}
    lines = exports(before, after)
    assert all(line.startswith("export ") for line in lines.splitlines() if "=" in line)
    script = lines + 'printf "%s|%s|%s" "$HF_ENDPOINT" "$NEW" "$OLD"'
    done = subprocess.run(["/bin/sh", "-c", script], env=before, capture_output=True, text=True, check=True)
    assert done.stdout == "a b'c\"$d|`id`\nline|1"


def test_programs_load_what_watches_their_client() -> None:
    """The search path of modules begins with ours, once, and names no folder that it did not name before."""
    path = client_env({"PYTHONPATH": f"/a:{GUEST}::/b"}, URL, CACHE)["PYTHONPATH"]
    assert path.split(":") == [str(GUEST), "/a", "/b"]
    found = client_env({}, URL, CACHE)
    assert (found["PYTHONPATH"], found["HANSE_GATEWAY"], found["HANSE_GATEWAY_CACHE"]) == (str(GUEST), URL, str(CACHE))
    assert (GUEST / "sitecustomize.py").is_file()
