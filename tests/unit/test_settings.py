"""Settings: sources and their order, bounds, unknown names, combinations."""

from __future__ import annotations

import dataclasses
import ipaddress
from pathlib import Path

import pytest

from hanse.errors import BadSetting
from hanse.model.limits import Limits
from hanse.settings import LIMIT_PARSERS, Settings, documented, from_machine, load, parse_size

HOME = {"HOME": "/home/ada"}


def test_defaults() -> None:
    """Without any source a node listens on loopback and keeps its data in the XDG data folder."""
    settings = load({}, HOME)
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.data == Path("/home/ada/.local/share/hanse/node")
    assert settings.limits == Limits()


def test_flag_beats_environment_beats_file() -> None:
    """The nearest source wins: flag, then environment, then file."""
    toml = "port = 1\nhost = 'file'\nworkers = 1"
    environ = {**HOME, "HANSE_PORT": "2", "HANSE_HOST": "env"}
    settings = load({"port": 3, "host": None}, environ, toml)
    assert (settings.port, settings.host, settings.workers) == (3, "env", 1)


def test_every_limit_is_a_setting() -> None:
    """Every field of Limits can be set under its own name, and every documented limit exists."""
    assert set(LIMIT_PARSERS) == {item.name for item in dataclasses.fields(Limits)}
    for name in LIMIT_PARSERS:
        default = getattr(Limits(), name)
        assert getattr(load({}, {**HOME, f"HANSE_{name.upper()}": str(default)}).limits, name) == default


def test_every_setting_has_one_line_of_documentation() -> None:
    """No setting exists without a text for docs/settings.md."""
    rows = documented()
    assert set(rows) == ({item.name for item in dataclasses.fields(Settings)} | set(LIMIT_PARSERS)) - {"home", "limits"}
    assert all(doc.text.endswith(".") and "\n" not in doc.text and doc.default for doc in rows.values())


@pytest.mark.parametrize(
    ("raw", "value"), [("1048576", 1 << 20), ("1MiB", 1 << 20), ("1 mib", 1 << 20), ("2GiB", 2 << 30), ("1_000", 1000)]
)
def test_sizes_take_units(raw: str, value: int) -> None:
    """Sizes are bytes, or a number with a binary unit."""
    assert load({}, {**HOME, "HANSE_MAX_JSON_BYTES": raw}).limits.max_json_bytes == value


def test_times_take_units() -> None:
    """Times are seconds, or a number with s, m, h or d."""
    assert load({}, HOME, "retention_seconds = '30d'").limits.retention_seconds == 30 * 86400


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "٣"),
        ("PORT", "1e3"),
        ("WORKERS", "0"),
        ("HOST", "a\nb"),
        ("ORIGIN", "Bad_Origin"),
        ("PUBLIC_URL", "ftp://x"),
        ("PUBLIC_URL", "https://user:secret@x"),
        ("PUBLIC_URL", "http://["),
        ("PUBLIC_URL", "http://h:99999"),
        ("DATABASE", "mysql://x"),
        ("TRUSTED_PROXY", "10.0.0.1/8"),
        ("ADMIN_TOKEN", "short"),
        ("REQUIRE_AUTH_FOR_READS", "perhaps"),
        ("OFFLOAD", "s3"),
        ("X_ACCEL_PREFIX", "objects"),
        ("ALIASES", "gpt2=nowhere"),
        ("CLAIMED", "acme=Not an origin"),
        ("MAX_JSON_BYTES", "0"),
        ("MAX_JSON_BYTES", "9" * 30),
        ("MAX_JSON_BYTES", "5 parsecs"),
        ("GARBAGE_SECONDS", "1d"),
    ],
)
def test_values_outside_their_bounds_are_refused(name: str, raw: str) -> None:
    """A value outside its bounds stops the node, and the message names the setting and where it came from."""
    with pytest.raises(BadSetting) as caught:
        load({}, {**HOME, f"HANSE_{name}": raw})
    assert name.lower() in caught.value.message
    assert "Invalid" not in caught.value.message, "what is expected is said, not what the library says"


def test_the_admin_token_is_never_echoed() -> None:
    """A refused token does not appear in the message."""
    with pytest.raises(BadSetting) as caught:
        load({"admin_token": "my-secret"}, HOME)
    assert "my-secret" not in str(caught.value)


@pytest.mark.parametrize("toml", ["prot = 1", "[aliasses]\na = 'b/c'"])
def test_unknown_names_in_the_file_name_the_nearest(toml: str) -> None:
    """A mistyped name in the file is an error that suggests the right one."""
    with pytest.raises(BadSetting) as caught:
        load({}, HOME, toml)
    assert "did you mean" in caught.value.hint


def test_unknown_environment_variables_are_refused() -> None:
    """A mistyped protection in the environment must not be silently absent."""
    with pytest.raises(BadSetting, match="require_auth_for_read'"):
        load({}, {**HOME, "HANSE_REQUIRE_AUTH_FOR_READ": "1"})


def test_variables_of_other_commands_are_no_settings() -> None:
    """What names the store of verified files, or is set by `hanse run`, does not keep a node from starting."""
    load({}, {**HOME, "HANSE_STORE": "/s", "HANSE_BEHIND": "http://127.0.0.1:1"})


def test_half_a_certificate_is_refused() -> None:
    """TLS needs both files; one alone would start a node without TLS."""
    with pytest.raises(BadSetting, match="tls_key"):
        load({"tls_cert": "cert.pem"}, HOME)


def test_several_workers_need_postgresql() -> None:
    """Several processes share a catalogue only on PostgreSQL."""
    with pytest.raises(BadSetting, match="PostgreSQL"):
        load({"workers": 2}, HOME)
    assert load({"workers": 2, "database": "postgres://u@h/db"}, HOME).database == "postgresql+psycopg://u@h/db"


def test_lists_and_tables_from_either_source() -> None:
    """Lists and tables are written with commas in the environment and natively in the file, with the same result."""
    networks = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
    by_file = load({}, HOME, "trusted_proxy = ['127.0.0.0/8', '::1/128']\n[aliases]\nGPT2 = 'openai-community/gpt2'")
    by_env = load({}, {**HOME, "HANSE_TRUSTED_PROXY": "127.0.0.0/8, ::1/128", "HANSE_ALIASES": "gpt2=openai-community/gpt2"})
    assert by_file.trusted_proxy == by_env.trusted_proxy == networks
    assert by_file.aliases == by_env.aliases == {"gpt2": "openai-community/gpt2"}


def test_broken_toml_is_refused() -> None:
    """A file that does not parse stops the node."""
    with pytest.raises(BadSetting, match=r"hanse\.toml"):
        load({}, HOME, "port = ")


def test_the_file_is_found_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is `hanse.toml` in HANSE_HOME, another one by name; a named file that is missing is an error."""
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    (tmp_path / "hanse.toml").write_text("port = 9")
    (tmp_path / "other.toml").write_text("port = 10")
    assert from_machine({}).port == 9
    assert from_machine({}, tmp_path / "other.toml").port == 10
    with pytest.raises(BadSetting, match="cannot read"):
        from_machine({}, tmp_path / "missing.toml")
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "other.toml"))
    with pytest.raises(BadSetting, match="cannot read"):  # what is there cannot be looked into
        from_machine({})


def test_sizes_on_the_command_line() -> None:
    """`parse_size` reads what a person writes and names what is wrong with anything else."""
    assert parse_size("500 GiB") == 500 << 30
    with pytest.raises(BadSetting, match="a size must be"):
        parse_size("much")


@pytest.mark.parametrize("command", ["scan", "{file}", "'{file}", "scan 'x {file}"])
def test_a_command_names_its_file(command: str) -> None:
    """Another scanner's command says where the file goes, and is no file itself."""
    with pytest.raises(BadSetting, match="scan_also"):
        load({"scan_also": command}, {"HOME": "/home/x"})
    assert load({"scan_also": "scan --in={file}"}, {"HOME": "/home/x"}).scan_also == "scan --in={file}"
