"""Settings as options of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from snakepit_bridge.cli.outcome import ExitCode, StopError
from snakepit_bridge.settings import Settings, SettingsError, all_settings
from snakepit_bridge.settings.sources import CONFIG, FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from snakepit_bridge.settings import Setting

F = TypeVar("F", bound="Callable[..., Any]")

EPILOG = (
    "Every setting is a variable, too (SNAKEPIT_BRIDGE_PORT for --port; commas separate many), and "
    f"a key of {FILE_NAME} (port). An option beats a variable, which beats the file."
)

BRIDGE = (
    *("handlers", "value_type"),
    *("allow", "allow_code_execution", "allow_secret", "allow_api_base"),
    *("dspy_cache", "dspy_state_dir", "dspy_import", "dspy_jobs"),
    *("host_address", "worker_id", "max_threads", "max_queued", "max_sessions", "max_instances"),
    *("max_session_commands", "max_variable_bytes", "session_idle_s", "session_ttl_s"),
    *("blob_dir", "max_blob_bytes", "blob_idle_s"),
    *("log_level", "log_format", "telemetry"),
)
"""The settings of a bridge, whichever transport leads to it."""

LISTEN = (
    *("host", "port", "uds", "token_file", "tls_cert", "tls_key", "tls_client_ca", "ready_file"),
    *("max_message_bytes", "compat"),
)
"""The settings of a server."""


def settings_options(*names: str) -> Callable[[F], F]:
    """Give a command the options of these settings, and ``--config``."""

    def decorate(command: F) -> F:
        config = click.option(
            "--config", CONFIG, metavar="FILE", help=f"Settings to read instead of {FILE_NAME}."
        )
        for name in reversed(names):
            command = _option(all_settings()[name])(command)
        return config(command)

    return decorate


def settings_from(flags: Mapping[str, Any]) -> Settings:
    """The settings in force.

    Raises:
        StopError: Some cannot be used; names every one of them.
    """
    try:
        settings = Settings.load(flags)
    except SettingsError as error:
        raise StopError(error, ExitCode.USAGE) from error
    for warning in settings.warnings:
        click.echo(f"Warning: {warning}", err=True)
    return settings


def _option(setting: Setting) -> Callable[[F], F]:
    if setting.is_switch:
        switch = f"{setting.flag}/--no-{setting.flag[2:]}"
        return click.option(switch, setting.name, default=None, help=setting.description)
    return click.option(
        setting.flag,
        setting.name,
        metavar=setting.placeholder,
        multiple=setting.is_list,
        help=f"{setting.description}{_default(setting)}",
    )


def _default(setting: Setting) -> str:
    return f"  [default: {setting.default}]" if setting.default not in {None, "", ()} else ""
