"""What the operator may decide, each setting with its type, meaning, default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

from snakepit_bridge.leases.limits import IDLE_S, MAX_BYTES
from snakepit_bridge.session.limits import SessionLimits
from snakepit_bridge.settings.setting import Setting, settings_of
from snakepit_bridge.settings.sources import Sources

_LIMITS = SessionLimits()

Text = Annotated[str, Meta(min_length=1)]
Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the operator may decide; ``Settings.load`` puts it together.

    A field with a description is a setting: ``max_threads`` is the flag ``--max-threads``, the
    variable ``SNAKEPIT_BRIDGE_MAX_THREADS`` and the key ``max_threads`` of the file.
    """

    host: Annotated[Text, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port; 0 takes a free one.")] = 50051
    uds: Annotated[Path | None, Meta(description="Unix socket to listen on instead.")] = None
    token_file: Annotated[
        Path | None, Meta(description="File of tokens, one a line; callers must send one of them.")
    ] = None
    tls_cert: Annotated[Path | None, Meta(description="PEM certificate chain of the server.")] = (
        None
    )
    tls_key: Annotated[Path | None, Meta(description="PEM private key of the server.")] = None
    tls_client_ca: Annotated[
        Path | None, Meta(description="PEM authority that must have signed clients' certificates.")
    ] = None
    ready_file: Annotated[
        Path | None, Meta(description="File that gets the port, or socket path, once it serves.")
    ] = None
    handlers: Annotated[
        tuple[Text, ...], Meta(description="Handler to load, MODULE:CLASS; may be repeated.")
    ] = ()
    value_type: Annotated[
        tuple[Text, ...],
        Meta(description="Type whose values come back as such, MODULE:CLASS; may be repeated."),
    ] = ()
    allow: Annotated[
        tuple[Text, ...],
        Meta(description="Package that commands may reach beside dspy; may be repeated."),
    ] = ()
    allow_code_execution: Annotated[
        bool, Meta(description="Also offer what can run code, of DSPy and by python.*.")
    ] = False
    allow_secret: Annotated[
        tuple[Text, ...],
        Meta(description="Environment variable that 'env:NAME' may read; may be repeated."),
    ] = ()
    allow_api_base: Annotated[
        tuple[Text, ...],
        Meta(description="URL of a language model that may get a secret; may be repeated."),
    ] = ()
    dspy_cache: Annotated[
        Path | None, Meta(description="Folder where DSPy may keep answers; none are kept else.")
    ] = None
    dspy_state_dir: Annotated[
        Path | None,
        Meta(description="Folder for saved programs and checkpoints of jobs; none are kept else."),
    ] = None
    dspy_import: Annotated[
        Literal["first-use", "background", "ready"],
        Meta(description="When DSPy is imported: when needed, once serving, before serving."),
    ] = "first-use"
    dspy_jobs: Annotated[
        Positive, Meta(description="Evaluations and optimizations of DSPy that run at once.")
    ] = 4
    host_address: Annotated[
        Text | None,
        Meta(description="HOST:PORT of a BridgeService that keeps tools and variables."),
    ] = None
    worker_id: Annotated[str, Meta(description="Name of this server in answers.")] = ""
    max_threads: Annotated[
        Positive | None, Meta(description="Threads for handlers; by default CPUs + 4, at most 32.")
    ] = None
    max_queued: Annotated[int, Meta(ge=0, description="Commands that may wait for a thread.")] = (
        1000
    )
    max_sessions: Annotated[Positive, Meta(description="Sessions at once.")] = _LIMITS.sessions
    max_instances: Annotated[Positive, Meta(description="Live objects per session.")] = (
        _LIMITS.instances
    )
    max_session_commands: Annotated[
        Positive, Meta(description="Commands of one session at once.")
    ] = _LIMITS.commands
    max_variable_bytes: Annotated[
        Positive, Meta(description="Size of the variables of one session.")
    ] = _LIMITS.variable_bytes
    session_idle_s: Annotated[
        Seconds, Meta(description="Seconds without a command after which a session ends.")
    ] = _LIMITS.idle_s
    session_ttl_s: Annotated[
        Seconds | None, Meta(description="Seconds after which a session ends, however busy.")
    ] = _LIMITS.ttl_s
    blob_dir: Annotated[
        Path | None,
        Meta(description="Folder for large binary data; shared memory or the temporary one else."),
    ] = None
    max_blob_bytes: Annotated[
        Positive, Meta(description="Size of the binary data that are kept behind handles.")
    ] = MAX_BYTES
    blob_idle_s: Annotated[
        Seconds, Meta(description="Seconds without use after which such data are removed.")
    ] = IDLE_S
    max_message_bytes: Annotated[
        int, Meta(ge=1024 * 1024, description="Size of one message, in either direction.")
    ] = 100 * 1024 * 1024
    compat: Annotated[
        Literal["upstream", "none"],
        Meta(description="Whose results BridgeService gives: upstream has Snakepit's own shapes."),
    ] = "none"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least severe log lines to write."),
    ] = "info"
    log_format: Annotated[Literal["text", "json"], Meta(description="Form of the log lines.")] = (
        "text"
    )
    telemetry: Annotated[
        Literal["off", "console", "otlp"],
        Meta(description="Where spans and metrics go; otlp reads OTEL_* variables."),
    ] = "off"

    origins: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Where each setting comes from that is not a default, in the words of the operator."""

    warnings: tuple[str, ...] = ()
    """What looks like a mistake but stops nothing."""

    @classmethod
    def load(
        cls,
        flags: Mapping[str, Any] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Self:
        """The settings in force: a flag beats the environment, which beats the file.

        Args:
            flags: What was given on the command line, by the name of the setting, as text or of
                the right type; ``None`` and ``()`` mean not given.
            environ: The environment; that of this process by default.
            cwd: The current folder, where the file is looked for.

        Raises:
            SettingsError: Names every wrong one.
        """
        sources = Sources(
            all_settings(),
            flags={name: value for name, value in (flags or {}).items() if value is not None},
            environ=environment() if environ is None else environ,
            cwd=cwd or Path(),
        )
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for given in sources.all():
            try:
                values[given.setting.name] = given.value()
                origins[given.setting.name] = given.origin
            except ValueError as error:
                sources.problems.append(f"{given.origin} {error}")
        problems = sources.problems or _contradictions(values, origins)
        if problems:
            raise SettingsError(problems)
        return cls(**values, origins=origins, warnings=tuple(sources.warnings))


def environment() -> Mapping[str, str]:
    """The environment of this process, for those who are handed a part of it."""
    return os.environ  # noqa: TID251  (its one reader)


class SettingsError(ValueError):
    """Settings that cannot be used; ``problems`` has a sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(["Wrong settings:", *(f"  {each}" for each in problems)]))
        self.problems = tuple(problems)


@cache
def all_settings() -> Mapping[str, Setting]:
    """Every setting by its name, in the order of ``Settings``."""
    return {setting.name: setting for setting in settings_of(Settings)}


def _contradictions(values: Mapping[str, Any], origins: Mapping[str, str]) -> list[str]:
    """Settings that are right each, but not together."""
    needs = {
        "tls_cert": ("tls_key", "the key of the certificate"),
        "tls_key": ("tls_cert", "the certificate of the key"),
        "tls_client_ca": ("tls_cert", "a certificate of the server"),
    }
    return [
        f"{origins[name]} needs {all_settings()[other].flag}, {why}."
        for name, (other, why) in needs.items()
        if name in values and other not in values
    ]
