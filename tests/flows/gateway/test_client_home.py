"""The HF_HOME of programs behind a gateway."""

from __future__ import annotations

import os
from pathlib import Path

from hanse.flows.gateway.client_home import FOLDER, OF, at_home, take_home
from hanse.flows.gateway.env import client_env

WEEK = 7 * 24 * 3600


def _environ(tmp_path: Path, name: str = "open-1", **more: str) -> dict[str, str]:
    return client_env({"HOME": str(tmp_path / "ada"), **more}, "http://127.0.0.1:1/s", tmp_path / "hanse" / "hub-cache" / name)


def _users(tmp_path: Path) -> Path:
    user = tmp_path / "ada" / ".cache" / "huggingface"
    for name in ("hub/models--org--m", "datasets/d", "modules/m", "transformers", "models--org--n", "accelerate"):
        (user / name).mkdir(parents=True)
    (user / "token").write_text("hf_x")
    (user / "accelerate" / "default_config.yaml").write_text("here: 1\n")
    return user


def test_caches_are_the_policy_s_and_the_rest_is_the_user_s(tmp_path: Path) -> None:
    """HF_HOME/hub is the policy's cache; tokens and settings are the user's; what no policy judged is out of reach."""
    user = _users(tmp_path)
    environ = at_home(_environ(tmp_path))
    home = Path(environ["HF_HOME"])
    for name, variable in (("hub", "HF_HUB_CACHE"), ("datasets", "HF_DATASETS_CACHE"), ("modules", "HF_MODULES_CACHE")):
        assert (home / name).samefile(environ[variable])
        assert not list((home / name).iterdir())
    assert {one.name for one in home.iterdir()} == {OF, "hub", "datasets", "modules", "accelerate", "token"}
    assert (home / "accelerate" / "default_config.yaml").read_text() == "here: 1\n"
    assert (environ["HF_TOKEN_PATH"], (home / "token").read_text()) == (str(user / "token"), "hf_x")
    assert at_home(_environ(tmp_path, HF_TOKEN_PATH="/t"))["HF_TOKEN_PATH"] == "/t"


def test_one_for_each_policy_and_user_home(tmp_path: Path) -> None:
    """Policies, and HF_HOMEs of the user, have a folder each; behind a gateway the user's counts, not that of the gateway."""
    first = at_home(_environ(tmp_path))
    others = [
        at_home(_environ(tmp_path, "strict-2")),
        at_home(_environ(tmp_path, HF_HOME=str(tmp_path / "other"))),
        at_home(_environ(tmp_path, XDG_CACHE_HOME=str(tmp_path / "xdg"))),
    ]
    assert len({one["HF_HOME"] for one in (first, *others)}) == 4
    assert others[2]["HF_TOKEN_PATH"] == str(tmp_path / "xdg" / "huggingface" / "token")
    assert at_home(first) == first
    assert at_home(_environ(tmp_path, "strict-2", HF_HOME=first["HF_HOME"]))["HF_HOME"] == others[0]["HF_HOME"]


def test_what_is_new_is_the_user_s(tmp_path: Path) -> None:
    """What a program makes in its HF_HOME is in the user's afterwards, a file also in place of an older one; caches stay."""
    user = _users(tmp_path)
    home = Path(at_home(_environ(tmp_path))["HF_HOME"])
    (home / "lerobot").mkdir()
    (home / "lerobot" / "arm.json").write_text("{}")
    (home / "models--org--k").mkdir()
    (home / "new").write_text("new")
    (home / "new").replace(home / "token")  # the link is gone, as files are written by careful programs
    (home / "xet").mkdir()
    (user / "xet").mkdir()  # somebody else made it meanwhile
    take_home(tmp_path / "hanse", 0)
    assert ((user / "lerobot" / "arm.json").read_text(), (user / "token").read_text()) == ("{}", "new")
    assert (home / "lerobot" / "arm.json").samefile(user / "lerobot" / "arm.json")
    assert not (user / "models--org--k").exists()
    assert not (home / "xet").is_symlink()


def test_a_home_that_was_not_there(tmp_path: Path) -> None:
    """The user's HF_HOME is made only when there is something for it."""
    home = Path(at_home(_environ(tmp_path))["HF_HOME"])
    take_home(tmp_path / "hanse", 0)
    assert not (tmp_path / "ada").exists()
    (home / "token").write_text("hf_x")
    take_home(tmp_path / "hanse", 0)
    assert (tmp_path / "ada" / ".cache" / "huggingface" / "token").read_text() == "hf_x"


def test_what_is_gone(tmp_path: Path) -> None:
    """No link leads to what the user removed, and a cache that a program put in the place of a link is not used again."""
    user = _users(tmp_path)
    home = Path(at_home(_environ(tmp_path))["HF_HOME"])
    (user / "token").unlink()
    (home / "hub").unlink()
    (home / "hub" / "models--org--m").mkdir(parents=True)
    again = at_home(_environ(tmp_path))
    assert not os.path.lexists(home / "token")
    assert (home / "hub").samefile(again["HF_HUB_CACHE"])


def test_homes_of_single_runs_go(tmp_path: Path) -> None:
    """What stood for an HF_HOME that is gone is removed after a week, if it has nothing but links; not before."""
    homes = [Path(at_home(_environ(tmp_path, HF_HOME=str(tmp_path / name)))["HF_HOME"]) for name in ("one", "two")]
    (homes[1] / "datasets").unlink()
    (homes[1] / "datasets").mkdir()
    made = int(homes[0].stat().st_mtime)
    take_home(tmp_path / "hanse", made + WEEK - 60)
    assert homes[0].exists()
    take_home(tmp_path / "hanse", made + WEEK + 60)
    assert list((tmp_path / "hanse" / FOLDER).iterdir()) == [homes[1]]


def test_where_none_can_be_made(tmp_path: Path) -> None:
    """Where there can be no such folder, programs have the HF_HOME that they had."""
    (tmp_path / "hanse").mkdir()
    (tmp_path / "hanse" / FOLDER).write_text("")
    environ = _environ(tmp_path, HF_HOME="/mine")
    assert at_home(environ) == environ
    take_home(tmp_path / "hanse", 0)
