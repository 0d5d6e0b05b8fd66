"""What every kind of node opens first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hanse.app import open_node
from hanse.errors import StorageError
from hanse.opening import custody_of, database_url, opened_witness
from hanse.settings import load


def test_the_catalogue_lies_in_the_data_folder(tmp_path: Path) -> None:
    """Unless a setting names another database."""
    settings = load({"data": tmp_path}, {"HOME": "/nowhere"})
    assert str(database_url(settings)) == f"sqlite:///{tmp_path}/hanse.db"
    other = load({"database": "postgresql://u@h/n"}, {"HOME": "/nowhere"})
    assert database_url(other).get_backend_name() == "postgresql"


def test_keys_are_where_the_settings_say(tmp_path: Path) -> None:
    """A place for one use leaves the others in the data folder."""
    custody = custody_of(load({}, {"HOME": "/nowhere", "HANSE_KEY_WITNESS": "hv:witness", "HANSE_KEY_PASSPHRASE": "secret"}))
    assert (custody.place(tmp_path, "witness"), custody.passphrase) == ("hv:witness", "secret")
    assert custody.place(tmp_path, "log") == str(tmp_path / "keys" / "log.key")


def test_a_witness_keeps_what_it_is(tmp_path: Path) -> None:
    """Opened twice, it has the same origin and keys."""
    settings = load({"data": tmp_path / "node"}, {"HOME": "/nowhere"})
    with opened_witness(settings) as first, opened_witness(settings) as second:
        assert first.origin == second.origin
        assert first.keys.witness.public == second.keys.witness.public


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A link to a disk that is not there is an error that names it."""
    (tmp_path / "node").symlink_to(tmp_path / "not mounted")
    settings = load({"data": tmp_path / "node"}, {"HOME": "/nowhere"})
    with pytest.raises(StorageError, match="cannot make the data folder"):
        open_node(settings)
    with pytest.raises(StorageError, match="cannot make the data folder"), opened_witness(settings):
        pass


def test_a_witness_does_not_load_what_makes_its_catalogue(tmp_path: Path) -> None:
    """Its first start leaves nothing of that in its memory, and the catalogue is there."""
    code = (
        "import sys; from pathlib import Path; from hanse.opening import opened_witness; from hanse.settings import load\n"
        "with opened_witness(load({'data': Path(sys.argv[1])}, {'HOME': '/nowhere'})) as node:\n"
        "    print(node.db.is_newest(), 'alembic' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code, tmp_path / "node"], check=True, capture_output=True, text=True)
    assert said.stdout.split() == ["True", "False"]
