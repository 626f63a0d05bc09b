"""What a worker is to do, by its command line, its environment, its settings."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.nearest import nearest
from snakepit_bridge.settings import Settings, SettingsError
from snakepit_bridge.words import says_yes
from snakepit_bridge.worker.flags import KNOWN, Flags, host_and_port, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWCASE = "snakepit_bridge.adapters.showcase.ShowcaseAdapter"
"""The adapter of a health check that names none."""

ADDRESSES = ("SNAKEPIT_GRPC_ADDRESS", "SNAKEPIT_ELIXIR_ADDRESS")
"""Where Elixir listens, where no flag says it; the first that is set counts."""

GIL_TIMEOUT = "SNAKEPIT_BRIDGE_GIL_TIMEOUT_S"

GIL_TIMEOUT_S = 8.0
"""Snakepit ends a worker, and does not start another one, when a heartbeat is not answered within
10 s; a process that ends by itself is replaced at once."""

MOST_THREADS = 16
"""By default. The thread that answers heartbeats gets its turn after all others, 1 ms each."""

THREAD_PROFILE_THREADS = 10
"""The default of ``--max-workers``."""

THREADED_SCRIPT = "grpc_server_threaded.py"

_READY_FILE_PREFIX = "snakepit_ready_"


class UsageError(ValueError):
    """Flags or variables that cannot be used; ``problems`` has a sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(["The worker cannot start:", *(f"  {p}" for p in problems)]))
        self.problems = tuple(problems)


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is decided before a worker starts."""

    adapter: str
    """``module.Class``."""

    elixir_address: str
    """Empty in a health check only."""

    port: int
    threaded: bool
    """Whether it is a worker of the thread profile, which wants a thread-safe adapter."""

    thread_safety_check: bool
    health_check: bool
    script: str
    """The script that Elixir handed over; empty when it was ours."""

    heartbeat: Mapping[str, Any]
    """Options of the command line."""

    heartbeat_overrides: Mapping[str, Any]
    """Options of the environment, which win."""

    ready_file: Path | None
    leads_process_group: bool
    thread_sensitive: tuple[str, ...]
    """``module`` or ``module.function``, what has to run on the main thread."""

    gil_timeout_s: float
    """0 is never."""

    bridge: Settings
    """Our own settings, those of threads and name filled in."""

    warnings: tuple[str, ...]
    """What looks like a mistake but stops nothing."""


def worker_settings(
    flags: Flags, environ: Mapping[str, str], *, cwd: Path | None = None
) -> WorkerSettings:
    """Put together what command line and environment say.

    Args:
        flags: The command line.
        environ: The environment.
        cwd: The folder where ``snakepit-bridge.toml`` is looked for; the current one by default.

    Raises:
        UsageError: Names everything that is wrong or missing.
    """
    problems = list(flags.problems)
    warnings = [_unknown(name) for name in flags.ignored]
    threaded = _is_threaded(flags)
    address = _address(flags, environ, problems)
    gil_timeout_s = _gil_timeout_s(flags, environ, problems)
    if not (flags.adapter or flags.health_check or _is_told("--adapter", problems)):
        problems.append("--adapter MODULE.CLASS is missing: whose tools should be served?")
    if not (address or flags.health_check or _is_told("--elixir-address", problems)):
        problems.append(f"--elixir-address HOST:PORT is missing, and {ADDRESSES[0]} is not set.")
    bridge = _bridge(flags, environ, cwd, problems)
    overrides = _heartbeat_overrides(environ, warnings)
    if problems:
        # What is missing may be among what nobody understood.
        raise UsageError([*problems, *(f"{warning}." for warning in warnings)])
    return WorkerSettings(
        adapter=flags.adapter or SHOWCASE,
        elixir_address=address,
        port=flags.port,
        threaded=threaded,
        thread_safety_check=flags.thread_safety_check,
        health_check=flags.health_check,
        script=flags.script,
        heartbeat=flags.heartbeat,
        heartbeat_overrides=overrides,
        ready_file=_ready_file(environ),
        leads_process_group=says_yes(environ.get("SNAKEPIT_PROCESS_GROUP", "")),
        thread_sensitive=_listed(environ.get("SNAKEPIT_THREAD_SENSITIVE", "")),
        gil_timeout_s=gil_timeout_s,
        bridge=_completed(bridge, flags, environ, threaded=threaded),
        warnings=(*warnings, *bridge.warnings),
    )


def worker_id(ready_file: Path | None) -> str:
    """The name Elixir gave the worker; it is nowhere but in that of the ready file.

    Returns:
        For ``snakepit_ready_default_worker_1_370_3`` it is ``default_worker_1_370``; empty where
        there is none.
    """
    name = "" if ready_file is None else ready_file.name
    if not name.startswith(_READY_FILE_PREFIX):
        return ""
    told, _, number = name.removeprefix(_READY_FILE_PREFIX).rpartition("_")
    return told if number.removeprefix("-").isdecimal() else ""


def _unknown(flag: str) -> str:
    near = nearest(flag, KNOWN)
    return f"Unknown flag, ignored: {flag}" + (f" (did you mean {near}?)" if near else "")


def _is_told(flag: str, problems: list[str]) -> bool:
    """Whether it was given, but cannot be read."""
    return any(problem.startswith(f"{flag} ") for problem in problems)


def _is_threaded(flags: Flags) -> bool:
    # Snakepit hands over the other script exactly when one of the arguments is --max-workers.
    return (
        Path(flags.script).name == THREADED_SCRIPT
        or flags.max_workers is not None
        or flags.thread_safety_check
    )


def _address(flags: Flags, environ: Mapping[str, str], problems: list[str]) -> str:
    if flags.elixir_address:
        return flags.elixir_address
    for variable in ADDRESSES:
        if text := environ.get(variable, "").strip():
            try:
                return host_and_port(text)
            except ValueError as error:
                problems.append(f"{variable} {error}.")
                return text
    return ""


def _gil_timeout_s(flags: Flags, environ: Mapping[str, str], problems: list[str]) -> float:
    if flags.gil_timeout_s is not None:
        return flags.gil_timeout_s
    if text := environ.get(GIL_TIMEOUT, "").strip():
        try:
            return seconds(text)
        except ValueError as error:
            problems.append(f"{GIL_TIMEOUT} {error}.")
    return GIL_TIMEOUT_S


def _bridge(
    flags: Flags, environ: Mapping[str, str], cwd: Path | None, problems: list[str]
) -> Settings:
    ours = {name: value for name, value in environ.items() if name != GIL_TIMEOUT}
    try:
        return Settings.load(flags.settings, environ=ours, cwd=cwd)
    except SettingsError as error:
        problems.extend(error.problems)
        return Settings()


def _completed(
    settings: Settings, flags: Flags, environ: Mapping[str, str], *, threaded: bool
) -> Settings:
    threads = settings.max_threads or flags.max_workers
    if threads is None:
        usual = min(MOST_THREADS, (os.cpu_count() or 1) + 4)
        threads = THREAD_PROFILE_THREADS if threaded else usual
    name = settings.worker_id or worker_id(_ready_file(environ)) or f"python-{os.getpid()}"
    return msgspec.structs.replace(
        settings, max_threads=threads, worker_id=name, host_address=None, ready_file=None
    )


def _heartbeat_overrides(environ: Mapping[str, str], warnings: list[str]) -> Mapping[str, Any]:
    text = environ.get("SNAKEPIT_HEARTBEAT_CONFIG", "").strip()
    if not text:
        return {}
    try:
        options = json.loads(text)
    except ValueError as error:
        warnings.append(f"SNAKEPIT_HEARTBEAT_CONFIG is no JSON, ignored: {error}")
        return {}
    if not isinstance(options, dict):
        warnings.append("SNAKEPIT_HEARTBEAT_CONFIG is no JSON object, ignored")
        return {}
    return options


def _ready_file(environ: Mapping[str, str]) -> Path | None:
    path = environ.get("SNAKEPIT_READY_FILE", "")
    return Path(path) if path else None


def _listed(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())
