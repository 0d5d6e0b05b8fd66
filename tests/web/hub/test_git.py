"""What git prints to its user, who cloned or pushed as he does elsewhere: git itself runs here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.web.hub.conftest import People


def _git(*arguments: str, folder: Path) -> list[str]:
    """Return what git prints as said by the server, and the reason that it gives itself."""
    # No settings of the machine, and nobody to type a password.
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    done = subprocess.run(["git", *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 128
    return [line.rstrip() for line in done.stderr.splitlines() if line.startswith(("remote:", "fatal:"))]


@pytest.mark.parametrize("suffix", ["", ".git", "/"])
def test_clone_is_told_what_does_the_same(people: People, repo: str, tmp_path: Path, suffix: str) -> None:
    """Cloning prints the command that fetches the model or data set; no word of a repository that is not found."""
    url = people.node.url
    for path, kind in ((repo, ""), (f"datasets/{repo}", " --repo-type dataset")):
        told = _git("clone", f"{url}/{path}{suffix}", "c", folder=tmp_path)
        command = f"run: HF_ENDPOINT={url} hf download {repo}{kind}"
        assert told[:2] == ["remote: git cannot read or write repositories here; instead", f"remote: {command}"]
        assert told[-1].endswith("error: 400")


def test_push_is_told_what_does_the_same(people: People, repo: str, tmp_path: Path) -> None:
    """Pushing prints the command that uploads."""
    me = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    for arguments in (("init", "-q"), (*me, "commit", "-q", "--allow-empty", "-m", "x")):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    told = _git("push", f"{people.node.url}/{repo}", "HEAD", folder=tmp_path)
    assert told[1] == f"remote: run: HF_ENDPOINT={people.node.url} hf upload {repo}"


def test_the_answer_tells_nothing_about_repositories(people: People, repo: str) -> None:
    """A private repository, a missing one and a public one get the same answer but for the name, whoever asks."""
    answers = []
    people.api().update_repo_settings(repo, visibility="private")
    for name in (repo, "admin/missing", "nobody/m"):
        for token in ("", people.bob, "hf_unknown"):
            reply = people.raw(token)("GET", f"/{name}.git/info/refs?service=git-upload-pack")
            answers.append((reply.status, reply.headers["x-error-code"], reply.body.decode().replace(name, "NAME")))
    assert len(set(answers)) == 1
    assert answers[0][:2] == (400, "BadRequest")


def test_what_is_no_name_does_not_come_back(people: People) -> None:
    """Git prints what it is told on a terminal: control characters of an address are not among it."""
    reply = people.raw("")("GET", "/org/%1b%5b2J/info/refs?service=git-upload-pack")
    assert (reply.status, reply.body.splitlines()[1].endswith(b"hf download ORG/NAME")) == (400, True)
    assert reply.headers["content-type"].startswith("text/plain")
