"""Clients reach the node over TLS with a private authority, behind nginx, and on machines with a proxy configured."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.clients import Client, sample_folder, tree_bytes
from tests.support.forked import Mother, forked_node
from tests.support.live import LiveNode
from tests.support.ports import own_port
from tests.support.tls import nginx, private_authority


@dataclass
class _Fronted:
    """A node as clients see it from the other side of a network arrangement."""

    node: LiveNode
    env: dict[str, str]


def _round_trip(fronted: _Fronted, xet: bool, repo: str, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    files = sample_folder(model, seed=5)
    client = Client("hub2", fronted.node, tmp_path / "up", xet=xet, extra=fronted.env)
    client.hf("upload", repo, model)
    client.fresh(tmp_path / "down").hf("download", repo, "--local-dir", tmp_path / "out")
    got = tree_bytes(tmp_path / "out")
    got.pop(".gitattributes")
    assert got == files


def _trusting(authority: Path) -> dict[str, str]:
    return {"SSL_CERT_FILE": str(authority), "REQUESTS_CA_BUNDLE": str(authority)}


@pytest.fixture(name="tls", scope="module")
def _tls(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Fronted]:
    folder = tmp_path_factory.mktemp("tls")
    made = private_authority(folder / "pki")
    flags = ("--tls-cert", str(made.certificate), "--tls-key", str(made.key))
    with forked_node(mother, folder, flags=flags) as node:
        yield _Fronted(node, _trusting(made.authority))


@pytest.fixture(name="fronted", scope="module")
def _fronted(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Fronted]:
    folder = tmp_path_factory.mktemp("nginx")
    made = private_authority(folder / "pki")
    environ = {"HANSE_OFFLOAD": "x-accel", "HANSE_TRUSTED_PROXY": "127.0.0.1/32"}
    owner = "user root;" if os.geteuid() == 0 else ""
    with (
        forked_node(mother, folder, environ=environ) as node,
        nginx(folder / "nginx", node.url, node.data / "objects", tls=made, user=owner) as address,
    ):
        node.url = address
        yield _Fronted(node, _trusting(made.authority))


@pytest.mark.parametrize("xet", [True, pytest.param(False, marks=pytest.mark.soak)], ids=["xet", "http"])
def test_tls_with_a_private_authority(tls: _Fronted, xet: bool, repo: str, tmp_path: Path) -> None:
    """Upload and download work over the node's own TLS when clients trust the private authority."""
    _round_trip(tls, xet, repo, tmp_path)


@pytest.mark.parametrize("xet", [True, pytest.param(False, marks=pytest.mark.soak)], ids=["xet", "http"])
def test_behind_nginx(fronted: _Fronted, xet: bool, repo: str, tmp_path: Path) -> None:
    """Upload and download work through nginx with TLS, which sends stored bytes itself."""
    _round_trip(fronted, xet, repo, tmp_path)


@pytest.mark.parametrize("xet", [True, pytest.param(False, marks=pytest.mark.soak)], ids=["xet", "http"])
def test_proxy_variables_do_not_get_in_the_way(node: LiveNode, xet: bool, repo: str, tmp_path: Path) -> None:
    """With HTTP(S)_PROXY set to a proxy that is down and NO_PROXY naming the node, everything works."""
    dead = f"http://127.0.0.1:{own_port()}"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    env = dict.fromkeys(names, dead) | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    _round_trip(_Fronted(node, env), xet, repo, tmp_path)
