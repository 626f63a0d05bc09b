"""How Elixir starts a worker: command line, environment, folders."""

from __future__ import annotations

import json
import re
import secrets
import string
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import snakepit_bridge
from snakepit_bridge.testing.elixir.rival import write_rival
from snakepit_bridge.testing.elixir.tool_call import RUNTIME_IDENTITY
from snakepit_bridge.testing.elixir.vigil import HeartbeatRules

Launcher = Literal["script", "launcher", "module", "console"]
Profile = Literal["process", "thread"]

DEFAULT_ADAPTER = "snakepit_bridge.adapters.showcase.ShowcaseAdapter"
DEFAULT_THREADED_ADAPTER = "snakepit_bridge.adapters.threaded_showcase.ThreadedShowcaseAdapter"

_BASE_36 = string.digits + string.ascii_lowercase
_RUN_ID_LENGTH = 7

_ALWAYS = ("SNAKEPIT_READY_FILE", "SNAKEPIT_HEARTBEAT_CONFIG", "SNAKEPIT_LOG_LEVEL")
"""Variables that ``adapter_env`` cannot override."""

_LAUNCHER_PROGRAM = """#!{python}
import sys
from snakepit_bridge_launcher import main
sys.exit(main())
"""


def new_run_id() -> str:
    """An id such as Elixir gives each run of the BEAM: 7 digits of base 36."""
    return "".join(secrets.choice(_BASE_36) for _ in range(_RUN_ID_LENGTH))


@dataclass(frozen=True, slots=True)
class ElixirFolders:
    """The folders of an application that uses Snakepit, below one root."""

    root: Path

    @property
    def app(self) -> Path:
        """The application: the current folder of the BEAM."""
        return self.root / "app"

    @property
    def adapters(self) -> Path:
        """Its ``priv/python``, where user adapters live."""
        return self.app / "priv" / "python"

    @property
    def snakepit(self) -> Path:
        """Snakepit's own folder in it."""
        return self.app / "deps" / "snakepit"

    @property
    def snakepit_python(self) -> Path:
        """Snakepit's ``priv/python``, where the rival is."""
        return self.snakepit / "priv" / "python"

    @property
    def tmp(self) -> Path:
        """Where ready files are written."""
        return self.root / "tmp"

    def make(self) -> None:
        """Make them, with the rival in its place."""
        for folder in (self.adapters, self.snakepit_python, self.tmp, self.root / "bin"):
            folder.mkdir(parents=True, exist_ok=True)
        write_rival(self.snakepit_python)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """A worker as Elixir's configuration describes it."""

    adapter: str | None = None
    """``"module.Class"``; ``None`` is the default of the profile."""

    adapter_args: Sequence[str] = ()
    """More arguments, in front of Elixir's own; a flag that is among them is not repeated."""

    env: Mapping[str, str] = field(default_factory=dict)
    """``adapter_env``."""

    launcher: Launcher = "script"
    """``"script"``: an Elixir adapter module whose script is our ``grpc_server.py``.
    ``"launcher"``: ``SNAKEPIT_PYTHON`` points at ``snakepit-bridge-python``, written to a folder
    of its own. ``"console"``: the same, as installed beside the interpreter.
    ``"module"``: ``python -m snakepit_bridge.worker``, which needs ``rival=False``."""

    script: Path | None = None
    """Of the launcher ``"script"``, another than ours."""

    profile: Profile = "process"
    max_workers: int | None = None
    """Threads of a worker of the thread profile; 10 by default."""

    cwd: Path | None = None
    """By default as Elixir has it: the folder of Snakepit's script, else that of the BEAM."""

    rival: bool = True
    """Whether Snakepit's own ``priv/python`` is on the path."""

    heartbeat: HeartbeatRules = field(default_factory=HeartbeatRules)
    log_level: str = "error"
    instance_name: str = ""
    instance_token: str = ""
    python: str = sys.executable

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        _check_word("launcher", self.launcher, get_args(Launcher))
        _check_word("profile", self.profile, get_args(Profile))
        if self.max_workers is not None and self.profile != "thread":
            raise ValueError("max_workers is for the profile 'thread'")

    @property
    def threads(self) -> int:
        """Threads of the worker; 1 in the process profile."""
        return (self.max_workers or 10) if self.profile == "thread" else 1


def _check_word(what: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        raise ValueError(f"{what} is {word!r}; it is one of {', '.join(map(repr, known))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningIn:
    """Where a worker finds itself."""

    folders: ElixirFolders
    elixir_address: str
    run_id: str
    worker_id: str
    environment: Mapping[str, str]
    """That of the BEAM."""

    @property
    def ready_file(self) -> Path:
        """Where the worker puts its port."""
        name = re.sub(r"[^A-Za-z0-9_-]", "_", self.worker_id)
        number = secrets.randbelow(10_000)
        return self.folders.tmp / f"snakepit_ready_{name}_{number}"


def command_line(spec: WorkerSpec, where: RunningIn) -> list[str]:
    """The program with its arguments, in Elixir's order."""
    arguments = _adapter_arguments(spec)
    markers = {
        "--port": "0",
        "--elixir-address": where.elixir_address,
        "--snakepit-run-id": where.run_id,
        "--snakepit-instance-name": spec.instance_name,
        "--snakepit-instance-token": spec.instance_token,
    }
    for flag, value in markers.items():
        if value and flag not in arguments:
            arguments += [flag, value]
    return [*_program(spec, where), *arguments]


def working_folder(spec: WorkerSpec, where: RunningIn) -> Path:
    """Where the worker starts."""
    if spec.cwd is not None:
        return spec.cwd
    handed_snakepits_script = spec.launcher in {"launcher", "console"}
    return where.folders.snakepit_python if handed_snakepits_script else where.folders.app


def worker_environment(spec: WorkerSpec, where: RunningIn, ready_file: Path) -> dict[str, str]:
    """All variables of the worker."""
    threads = str(spec.threads)
    always = {
        "SNAKEPIT_READY_FILE": str(ready_file),
        "SNAKEPIT_HEARTBEAT_CONFIG": json.dumps(spec.heartbeat.as_config(), separators=(",", ":")),
        "SNAKEPIT_LOG_LEVEL": spec.log_level,
    }
    defaults = {
        "SNAKEPIT_PROCESS_GROUP": "1",
        "SNAKEPIT_PYTHON": spec.python,
        "SNAKEPIT_PYTHON_RUNTIME_HASH": RUNTIME_IDENTITY["python_runtime_hash"],
        "SNAKEPIT_PYTHON_VERSION": RUNTIME_IDENTITY["python_version"],
        "SNAKEPIT_PYTHON_PLATFORM": RUNTIME_IDENTITY["python_platform"],
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        "OPENBLAS_NUM_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "NUMEXPR_NUM_THREADS": threads,
        "GRPC_POLL_STRATEGY": "poll",
        "GRPC_VERBOSITY": "ERROR",
        "PYTHONPATH": _python_path(spec, where),
    }
    if spec.profile == "process":
        defaults["VECLIB_MAXIMUM_THREADS"] = "1"
    overridden = {name.upper() for name in spec.env}
    kept = {name: value for name, value in defaults.items() if name.upper() not in overridden}
    return {**where.environment, **kept, **spec.env, **{name: always[name] for name in _ALWAYS}}


def _adapter_arguments(spec: WorkerSpec) -> list[str]:
    default = DEFAULT_THREADED_ADAPTER if spec.profile == "thread" else DEFAULT_ADAPTER
    arguments = ["--adapter", spec.adapter or default]
    if spec.profile == "thread":
        arguments += ["--max-workers", str(spec.threads)]
    return [*arguments, *spec.adapter_args]


def _program(spec: WorkerSpec, where: RunningIn) -> list[str]:
    if spec.launcher == "module":
        return [spec.python, "-m", "snakepit_bridge.worker"]
    if spec.launcher == "script":
        return [spec.python, str(spec.script or _our_script())]
    threaded = any("--max-workers" in argument for argument in _adapter_arguments(spec))
    name = "grpc_server_threaded.py" if threaded else "grpc_server.py"
    return [str(_executable(spec, where)), str(where.folders.snakepit_python / name)]


def _executable(spec: WorkerSpec, where: RunningIn) -> Path:
    if spec.launcher == "console":
        return Path(sysconfig.get_path("scripts")) / "snakepit-bridge-python"
    path = where.folders.root / "bin" / "snakepit-bridge-python"
    path.write_text(_LAUNCHER_PROGRAM.format(python=spec.python), encoding="utf-8")
    path.chmod(0o755)
    return path


def _our_script() -> Path:
    return Path(snakepit_bridge.__file__).parent / "worker" / "grpc_server.py"


def _python_path(spec: WorkerSpec, where: RunningIn) -> str:
    rival = [str(where.folders.snakepit_python)] if spec.rival else []
    entries = [
        *where.environment.get("PYTHONPATH", "").split(":"),
        *rival,
        str(where.folders.adapters),
    ]
    return ":".join(dict.fromkeys(entry for entry in entries if entry))
