"""The log of a worker, as Snakepit's users know it."""

from __future__ import annotations

import copy
import logging
import sys
import threading
from contextlib import suppress
from typing import TextIO

from snakepit_bridge.adapters.unread_stderr import write_or_drop
from snakepit_bridge.settings import environment
from snakepit_bridge.telemetry.correlation import get_correlation_id

LEVEL_VARIABLE = "SNAKEPIT_LOG_LEVEL"
"""The environment variable with the least severe level to write."""

_FORMAT = (
    "%(asctime)s - [%(threadName)s] - %(name)s - %(levelname)s"
    " - [corr=%(correlation_id)s] %(message)s"
)

_OFF = logging.CRITICAL + 1

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": _OFF,
}

# Elixir shows the end of a worker's output when it crashes; routine must not push it out.
_DEFAULT = "error"

# Their debug lines would drown everything else.
_NOISY = ("grpc", "urllib3")


class SnakepitLines(logging.Formatter):
    """Lines in Snakepit's form: time, thread, logger, level, correlation id, message."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback if there is one."""
        # Other handlers get the same record, so it stays as it is.
        told = copy.copy(record)
        told.name = _shown_name(record.name)
        told.correlation_id = getattr(record, "correlation_id", None) or get_correlation_id("-")
        line = super().format(told)
        # The traceback of a tool's failure comes as text, without secrets.
        foreign = str(getattr(record, "foreign_traceback", "")).rstrip()
        return f"{line}\n{foreign}" if foreign else line


class _Here(threading.local):
    """What is special about this thread."""

    may_wait = True


_here = _Here()


def log_without_waiting() -> None:
    """Let nothing that this thread logs wait until somebody reads standard error.

    For threads that others rely on. What a full pipe has no room for is lost.
    """
    _here.may_wait = False


class _OurHandler(logging.StreamHandler[TextIO]):
    """Writes to what is standard error now; known by its type, so that it can be replaced."""

    def __init__(self, level: int) -> None:
        logging.Handler.__init__(self, level)
        self.setFormatter(SnakepitLines())

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record, or drop it where this thread cannot wait."""
        if _here.may_wait:
            return bool(super().handle(record))
        # Without the lock: whoever has it may be waiting for a reader.
        passes = bool(self.filter(record))
        if passes:
            with suppress(TypeError, ValueError):  # arguments that do not fit the text
                write_or_drop(f"{self.format(record)}\n")
        return passes

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # read by StreamHandler, set by nobody
        return sys.stderr


def configure_logging(force: bool = False) -> None:  # noqa: FBT001, FBT002  (Snakepit's own signature)
    """Write the log of this process to standard error, from the level in the environment up.

    ``SNAKEPIT_LOG_LEVEL`` is ``debug``, ``info``, ``warning``, ``error`` or ``none``; ``error``
    by default.

    Args:
        force: Whether to do it again, after the variable has changed. Otherwise nothing happens
            when somebody has given the log a place already.
    """
    root = logging.getLogger()
    if root.handlers and not force:
        return
    named = environment().get(LEVEL_VARIABLE, "").strip().lower()
    level = _LEVELS.get(named or _DEFAULT, _LEVELS[_DEFAULT])
    for ours in [each for each in root.handlers if isinstance(each, _OurHandler)]:
        root.removeHandler(ours)
    root.setLevel(level)
    # The handler too, for a logger with a level of its own does not ask the root.
    root.addHandler(_OurHandler(level))
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    if named and named not in _LEVELS:
        get_logger(__name__).error(
            "%s is %r; expected one of %s", LEVEL_VARIABLE, named, ", ".join(_LEVELS)
        )


def get_logger(name: str) -> logging.Logger:
    """The logger of a module, below ``snakepit``.

    Args:
        name: As in ``__name__``; ``snakepit_bridge.x`` is ``snakepit.bridge.x`` in the log.
    """
    shown = _shown_name(name)
    is_below = shown == "snakepit" or shown.startswith("snakepit.")
    return logging.getLogger(shown if is_below else f"snakepit.{shown}")


def _shown_name(name: str) -> str:
    package, dot, rest = name.partition(".")
    return f"snakepit.bridge{dot}{rest}" if package == "snakepit_bridge" else name
