"""What can be found out about this installation without starting anything."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from snakepit_bridge.cli.installation import LAUNCHER, launcher
from snakepit_bridge.errors import DSPyError
from snakepit_bridge.handlers.discovery import GROUP, HandlerLoadError, handler_from_path
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.leases.folder import UnusableFolderError, check_root
from snakepit_bridge.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from snakepit_bridge.settings import Settings

DISTRIBUTION = "snakepit-bridge"

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)>=(?P<floor>[\d.]+)(?P<extra>.*extra ==.*)?")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    subject: str
    verdict: Literal["ok", "note", "broken"]
    """``note`` is for what is missing but not needed."""

    text: str
    next_step: str = ""
    """What to do about it; empty where nothing needs to be done."""


def interpreter(environ: Mapping[str, str]) -> Finding:
    """Which Python runs this, and why that one."""
    own, activated = Path(sys.prefix), environ.get("VIRTUAL_ENV", "")
    text = f"{platform.python_version()} at {sys.executable}"
    if sys.prefix == sys.base_prefix:
        why = "outside of any virtual environment"
    elif activated and Path(activated).resolve() == own.resolve():
        why = f"in the activated virtual environment {own}"
    else:
        why = f"in the virtual environment {own}, chosen by the path of the program"
    if activated and Path(activated).resolve() != own.resolve():
        return Finding(
            subject="python",
            verdict="note",
            text=f"{text}, {why}; but VIRTUAL_ENV is {activated}",
            next_step=f"If you meant the other one, run {activated}/bin/python -m snakepit_bridge.",
        )
    return Finding(subject="python", verdict="ok", text=f"{text}, {why}")


def package(environ: Mapping[str, str]) -> Finding:
    """Which copy of this package runs, and whether the program on the PATH is this one."""
    here = Path(__file__).resolve().parents[1]
    program = shutil.which(DISTRIBUTION, path=environ.get("PATH"))
    text = f"{DISTRIBUTION} {__version__} in {here}"
    if program is None or Path(program).parent == Path(sys.executable).parent:
        return Finding(subject="package", verdict="ok", text=text)
    return Finding(
        subject="package",
        verdict="note",
        text=f"{text}; but {DISTRIBUTION!r} on the PATH is {program}, of another Python",
        next_step=f"Start this one with {sys.executable} -m snakepit_bridge.",
    )


def dependencies(distribution: str = DISTRIBUTION) -> Iterator[Finding]:
    """What the package needs, each with its version."""
    try:
        requirements = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding(
            subject="dependencies",
            verdict="note",
            text=f"{distribution} runs from its folder and is not installed",
            next_step="To have its dependencies checked: pip install -e .",
        )
        return
    for requirement in requirements:
        wanted = _REQUIREMENT.match(requirement)
        if wanted is not None and not wanted["extra"]:
            yield _dependency(wanted["name"], wanted["floor"])


def worker() -> Finding:
    """Whether Elixir could start our worker in the place of Snakepit's own."""
    path = launcher()
    if path is None:
        return Finding(
            subject="worker",
            verdict="note",
            text=f"{LAUNCHER} is not beside {sys.executable}; only Elixir needs it",
            next_step=f"To have it there: {sys.executable} -m pip install {DISTRIBUTION}",
        )
    return Finding(
        subject="worker",
        verdict="ok",
        text=f"Elixir can start {path}; '{DISTRIBUTION} elixir' says how",
    )


def dspy() -> Finding:
    """Whether DSPy is there, and of a version that fits."""
    try:
        version = str(DSPyDoor().open().__version__)
    except DSPyError as error:
        absent = find_spec("dspy") is None
        return Finding(
            subject="dspy",
            verdict="note" if absent else "broken",
            text=f"{error.message.rstrip('.')}{'; the dspy.* commands need it' if absent else ''}",
            next_step=error.hint,
        )
    return Finding(subject="dspy", verdict="ok", text=f"dspy {version}")


def telemetry(settings: Settings) -> Finding:
    """Whether spans and metrics can be exported."""
    missing = [
        name
        for name in ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.grpc")
        if not _is_there(name)
    ]
    if not missing:
        return Finding(subject="telemetry", verdict="ok", text=f"set to {settings.telemetry!r}")
    needed = settings.telemetry == "otlp" or (settings.telemetry == "console" and len(missing) > 1)
    return Finding(
        subject="telemetry",
        verdict="broken" if needed else "note",
        text=f"set to {settings.telemetry!r}; {' and '.join(missing)} not installed",
        next_step=f"To export spans and metrics: pip install '{DISTRIBUTION}[telemetry]'",
    )


def handlers(settings: Settings) -> Iterator[Finding]:
    """Whether each handler can be loaded that is installed, or that the settings name."""
    for entry_point in importlib.metadata.entry_points(group=GROUP):
        owner = entry_point.dist.name if entry_point.dist is not None else "?"
        where = f"{entry_point.name!r} of {owner}"
        yield _handler(entry_point.value.partition("[")[0].strip(), where)
    for path in settings.handlers:
        yield _handler(path, f"of {settings.origins['handlers']}")


def blob_dir(settings: Settings) -> Iterator[Finding]:
    """Whether large data can be kept in the folder that the settings name."""
    if settings.blob_dir is None:
        return
    try:
        check_root(settings.blob_dir)
    except UnusableFolderError as error:
        yield Finding(
            subject="blob_dir",
            verdict="broken",
            text=str(error),
            next_step="The server does not start like this; correct the setting.",
        )
    else:
        yield Finding(subject="blob_dir", verdict="ok", text=f"{settings.blob_dir} can be used")


def _handler(path: str, where: str) -> Finding:
    try:
        handler_from_path(path)
    except HandlerLoadError as error:
        return Finding(
            subject="handler",
            verdict="broken",
            text=f"{path} ({where}): {error}",
            next_step="Mend it, or take it away; the server does not start with it.",
        )
    return Finding(subject="handler", verdict="ok", text=f"{path} ({where})")


def _dependency(name: str, floor: str) -> Finding:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        text = f"{name} is not installed"
    else:
        if _numbers(version) >= _numbers(floor):
            return Finding(subject="dependency", verdict="ok", text=f"{name} {version}")
        text = f"{name} {version} is older than {floor}"
    return Finding(
        subject="dependency",
        verdict="broken",
        text=text,
        next_step=f"{sys.executable} -m pip install '{name}>={floor}'",
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(each) for each in re.findall(r"\d+", version)[:3])


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a parent
        return False
