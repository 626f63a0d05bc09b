from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.grpc import listen
from snakepit_bridge.leases.limits import IDLE_S, MAX_BYTES
from snakepit_bridge.session.limits import SessionLimits
from snakepit_bridge.settings import Settings, SettingsError, all_settings, environment

PACKAGE = Path(__file__).resolve().parents[2] / "snakepit_bridge"

OTHER_FLAGS = {"--help", "--config", "--target", "--traceback", "--args", "--tls"}
"""Flags of single commands, which no settings are."""


def load(
    flags: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> Settings:
    return Settings.load(flags, environ=environ or {}, cwd=cwd or Path("no such folder"))


def write(folder: Path, text: str, name: str = "snakepit-bridge.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


# --- which value holds -------------------------------------------------------------------------


def test_without_anything_given_all_settings_are_at_their_defaults() -> None:
    settings = load()

    assert settings == Settings()
    assert settings.origins == {}
    assert settings.warnings == ()


def test_a_flag_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    write(tmp_path, "port = 1\nmax_threads = 1\nmax_queued = 1\n")
    environ = {"SNAKEPIT_BRIDGE_PORT": "2", "SNAKEPIT_BRIDGE_MAX_THREADS": "2"}

    settings = load({"port": "3"}, environ, tmp_path)

    assert (settings.port, settings.max_threads, settings.max_queued) == (3, 2, 1)
    assert settings.origins == {
        "port": "--port",
        "max_threads": "SNAKEPIT_BRIDGE_MAX_THREADS",
        "max_queued": "snakepit-bridge.toml: max_queued",
    }


@pytest.mark.parametrize("not_given", [None, ()])
def test_a_flag_that_was_not_given_decides_nothing(not_given: object) -> None:
    settings = load({"allow": not_given}, {"SNAKEPIT_BRIDGE_ALLOW": "numpy"})

    assert settings.allow == ("numpy",)


def test_a_variable_that_is_set_to_nothing_counts_as_not_set() -> None:
    assert load(environ={"SNAKEPIT_BRIDGE_PORT": ""}) == Settings()


@pytest.mark.parametrize("name", list(all_settings()))
def test_every_setting_can_be_given_in_all_three_ways(name: str, tmp_path: Path) -> None:
    setting = all_settings()[name]
    text, plain = {
        "a path": ("x", '"x"'),
        "true or false": ("true", "true"),
        "text that is not empty": ("x", '"x"'),
    }.get(setting.expected, ("2000000", "2000000"))
    if setting.is_list:
        text, plain = "x", '["x"]'
    elif " or '" in setting.expected:
        choices = setting.expected.split("'")[1::2]
        text = next(choice for choice in choices if choice != setting.default)
        plain = f'"{text}"'
    elif name == "port":
        text = plain = "2"
    beside = {"tls_cert": "x", "tls_key": "x"} if name.startswith("tls") else {}
    write(tmp_path, f"{name} = {plain}\n")

    by_flag = load({**beside, name: (text,) if setting.is_list else text})
    by_variable = load(beside, {setting.variable: text})
    by_file = load({**beside, "config": str(tmp_path / "snakepit-bridge.toml")})

    expected = getattr(by_flag, name)
    assert expected != setting.default
    assert getattr(by_variable, name) == expected
    assert Path(str(getattr(by_file, name))).name == Path(str(expected)).name


def test_many_values_are_separated_by_commas_in_the_environment() -> None:
    settings = load(environ={"SNAKEPIT_BRIDGE_ALLOW": "numpy, pandas,"})

    assert settings.allow == ("numpy", "pandas")


def test_keys_of_the_file_may_be_written_with_dashes_like_flags(tmp_path: Path) -> None:
    write(tmp_path, "max-threads = 3\n")

    assert load(cwd=tmp_path).max_threads == 3


def test_a_relative_path_in_the_file_starts_from_the_file(tmp_path: Path) -> None:
    config = write(tmp_path, 'token_file = "tokens"\n', "other.toml")

    assert load({"config": str(config)}).token_file == tmp_path / "tokens"
    assert load({"token_file": "tokens"}).token_file == Path("tokens")


def test_the_file_may_be_named_by_flag_or_by_variable(tmp_path: Path) -> None:
    write(tmp_path, "port = 1\n")
    write(tmp_path, "port = 2\n", "two.toml")
    write(tmp_path, "port = 3\n", "three.toml")

    by_variable = load(environ={"SNAKEPIT_BRIDGE_CONFIG": "two.toml"}, cwd=tmp_path)
    by_flag = load({"config": "three.toml"}, {"SNAKEPIT_BRIDGE_CONFIG": "two.toml"}, cwd=tmp_path)

    assert (by_variable.port, by_flag.port) == (2, 3)
    assert by_variable.warnings == ()


# --- what is refused ---------------------------------------------------------------------------


def test_every_wrong_setting_is_named_at_once_with_its_source(tmp_path: Path) -> None:
    write(tmp_path, 'log_format = "xml"\nmax_thread = 1\nmax_queued = "9"\n')
    environ = {"SNAKEPIT_BRIDGE_MAX_THREADS": "many", "SNAKEPIT_BRIDGE_SESSION_IDLE_S": "0"}

    with pytest.raises(SettingsError) as caught:
        load({"port": "70000", "allow_code_execution": "maybe", "uds": ""}, environ, tmp_path)

    assert set(caught.value.problems) == {
        "snakepit-bridge.toml: log_format is 'xml'; expected 'json' or 'text'.",
        "snakepit-bridge.toml: max_thread is unknown; the nearest is max_threads.",
        "snakepit-bridge.toml: max_queued is '9'; expected a whole number, 0 or more.",
        "SNAKEPIT_BRIDGE_MAX_THREADS is 'many'; expected a whole number, 1 or more.",
        "SNAKEPIT_BRIDGE_SESSION_IDLE_S is '0'; expected a number above 0.",
        "--port is '70000'; expected a whole number from 0 to 65535.",
        "--allow-code-execution is 'maybe'; expected true or false.",
        "--uds is ''; expected a path.",
    }
    assert str(caught.value).startswith("Wrong settings:\n  ")


def test_a_wrong_value_is_named_even_where_a_stronger_source_is_right() -> None:
    with pytest.raises(SettingsError, match="SNAKEPIT_BRIDGE_PORT is 'x'"):
        load({"port": "1"}, {"SNAKEPIT_BRIDGE_PORT": "x"})


def test_a_long_wrong_value_is_shown_in_part() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"port": "x" * 1000})

    assert len(str(caught.value)) < 200


def test_a_list_in_the_file_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    write(tmp_path, "handlers = [1]\n")

    with pytest.raises(SettingsError, match=r"handlers is \[1\]; expected a list, each text"):
        load(cwd=tmp_path)


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ({"tls_cert": "c"}, "--tls-cert needs --tls-key, the key of the certificate."),
        ({"tls_key": "k"}, "--tls-key needs --tls-cert, the certificate of the key."),
        ({"tls_client_ca": "a"}, "--tls-client-ca needs --tls-cert, a certificate of the server."),
    ],
)
def test_settings_that_need_each_other_are_asked_for(flags: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(flags)

    assert caught.value.problems == (problem,)


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml does not exist"):
        load({"config": "nowhere.toml"}, cwd=tmp_path)


@pytest.mark.parametrize("content", [b"port = ", b"\xff"])
def test_a_file_that_is_no_toml_says_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "snakepit-bridge.toml").write_bytes(content)

    with pytest.raises(SettingsError, match="is no TOML"):
        load(cwd=tmp_path)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "snakepit-bridge.toml").mkdir()

    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load(cwd=tmp_path)


# --- what looks like a mistake -----------------------------------------------------------------


def test_a_variable_of_ours_that_nothing_reads_is_warned_of_without_its_value() -> None:
    settings = load(environ={"SNAKEPIT_BRIDGE_PROT": "s3cret", "HOME": "/", "SNAKEPIT_X": "1"})

    assert settings.warnings == (
        "SNAKEPIT_BRIDGE_PROT means nothing here; the nearest is SNAKEPIT_BRIDGE_PORT.",
    )


def test_a_variable_that_resembles_nothing_is_warned_of_without_a_guess() -> None:
    settings = load(environ={"SNAKEPIT_BRIDGE_ZZZZZZZZZZZZ": "1"})

    assert settings.warnings == ("SNAKEPIT_BRIDGE_ZZZZZZZZZZZZ means nothing here.",)


# --- in step with the rest ---------------------------------------------------------------------


def test_defaults_are_those_of_the_layers_below() -> None:
    settings, limits = Settings(), SessionLimits()

    assert settings.host == listen.Listen().host
    assert settings.port == listen.DEFAULT_PORT
    assert settings.max_message_bytes == listen.MAX_MESSAGE_BYTES
    assert settings.max_sessions == limits.sessions
    assert settings.max_instances == limits.instances
    assert settings.max_session_commands == limits.commands
    assert settings.max_variable_bytes == limits.variable_bytes
    assert settings.session_idle_s == limits.idle_s
    assert settings.session_ttl_s == limits.ttl_s
    assert settings.max_blob_bytes == MAX_BYTES
    assert settings.blob_idle_s == IDLE_S


def test_every_flag_that_a_hint_names_exists() -> None:
    flags = {setting.flag for setting in all_settings().values()} | OTHER_FLAGS
    hints = {
        flag
        for layer in ("engine", "errors.py", "grpc", "handlers", "leases", "session", "transport")
        for path in [PACKAGE / layer, *(PACKAGE / layer).rglob("*.py")]
        if path.suffix == ".py" and "_generated" not in path.parts
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", path.read_text())
    }

    assert hints
    assert hints <= flags


def test_every_setting_says_what_stands_for_its_value() -> None:
    shown = {setting.placeholder for setting in all_settings().values()}

    assert shown == {"N", "SECONDS", "PATH", "TEXT", "json|text", "console|off|otlp"} | {
        "background|first-use|ready",
        "debug|error|info|warning",
        "none|upstream",
    }


def test_the_environment_is_that_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNAKEPIT_BRIDGE_PORT", "1234")

    assert environment()["SNAKEPIT_BRIDGE_PORT"] == "1234"
    assert Settings.load(cwd=Path("no such folder")).port == 1234
