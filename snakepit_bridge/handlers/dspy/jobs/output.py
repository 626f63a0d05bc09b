"""Keeps what the code of jobs prints from the streams of the process."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from snakepit_bridge.handlers.dspy.jobs.lines import Lines
from snakepit_bridge.handlers.dspy.runs import Run, current_run

if TYPE_CHECKING:
    from collections.abc import Callable

LOGGERS = ("dspy", "gepa", "optuna")
"""Loggers of the libraries that optimize."""


class Output:
    """Tells each job what its code prints and logs, while jobs run.

    The streams of a process may be a protocol's, as those of Snakepit's workers are. What other
    code prints goes where it always went. One object serves all jobs.

    Args:
        dspy: The module; by its settings it is known whose code runs.
    """

    def __init__(self, dspy: Any) -> None:
        self._dspy = dspy
        self._lock = threading.Lock()
        self._lines: dict[int, Lines] = {}
        self._installed: ExitStack | None = None
        # A print under way on some thread holds the stream that was there when it began without a
        # reference of its own (CPython 3.11), so that freeing one would end the process.
        self._streams: dict[str, _Stream] = {}

    @contextmanager
    def told(self, run: Run, tell: Callable[[str], None]) -> Iterator[Lines]:
        """While the block runs, tell the lines that the code of this run prints and logs."""
        lines = self._lines_for(run, tell)
        try:
            yield lines
        finally:
            lines.flush()
            self._forget(run)

    def lines(self) -> Lines | None:
        """Where the code that asks prints; ``None`` where it belongs to no job."""
        run = current_run(self._dspy)
        return None if run is None else self._lines.get(id(run))

    @contextmanager
    def diverted(self, name: str) -> Iterator[None]:
        """While the block runs, ``sys.stdout`` or ``sys.stderr`` is a stream of this object."""
        before = getattr(sys, name)
        if before is None:  # a process without a console has none
            yield
            return
        stream = self._streams.setdefault(name, _Stream(self, name))
        stream.install(before)
        setattr(sys, name, stream)
        try:
            yield
        finally:
            stream.is_retired = True
            if getattr(sys, name) is stream:
                setattr(sys, name, _in_use(stream))
            else:
                # Somebody has put another above it, and may hold it for ever.
                del self._streams[name]

    def _lines_for(self, run: Run, tell: Callable[[str], None]) -> Lines:
        lines = Lines(tell)
        with self._lock:
            if not self._lines:
                self._installed = _installed(self)
            self._lines[id(run)] = lines
        return lines

    def _forget(self, run: Run) -> None:
        with self._lock:
            del self._lines[id(run)]
            if not self._lines and self._installed is not None:
                self._installed.close()
                self._installed = None


def _installed(output: Output) -> ExitStack:
    stack = ExitStack()
    for name in ("stdout", "stderr"):
        stack.enter_context(output.diverted(name))
    for name in LOGGERS:
        stack.enter_context(_diverted_logger(output, name))
    stack.enter_context(_without_monitor())
    return stack


# --- streams ------------------------------------------------------------------------------------


class _Stream:
    """Stands for a stream of the process; may be held on to after its time."""

    def __init__(self, output: Output, name: str) -> None:
        self._output = output
        self._name = name
        self.beneath: Any = None
        self.is_retired = True

    def install(self, beneath: Any) -> None:
        """Begin to stand above another stream."""
        self.is_retired = False
        if beneath is not self:  # somebody has put it back who had held it
            self.beneath = beneath

    def write(self, text: str) -> int:
        lines = self._output.lines()
        if lines is None:
            written: int = self.beneath.write(text)
            return written
        lines.write(self._name, text)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)


def _in_use(stream: Any) -> Any:
    """The stream beneath those that stood above it and have had their time."""
    while isinstance(stream, _Stream) and stream.is_retired:
        stream = stream.beneath
    return stream


def has_open_bars() -> bool:
    """Whether there are progress bars without an end, whosesoever."""
    return bool(importlib.import_module("tqdm").tqdm._instances)  # noqa: SLF001  (no public way)


@contextmanager
def _without_monitor() -> Iterator[None]:
    """Keep tqdm from drawing bars in a thread of its own, which belongs to no job."""
    bars = importlib.import_module("tqdm").tqdm
    if bars.monitor is not None:
        bars.monitor.exit()
    interval_s, bars.monitor_interval = bars.monitor_interval, 0
    try:
        yield
    finally:
        bars.monitor_interval = interval_s


# --- loggers ------------------------------------------------------------------------------------


class _Diversion(logging.Handler):
    """Stands for all handlers of a logger, and for its ancestors'."""

    def __init__(self, output: Output, logger: logging.Logger) -> None:
        super().__init__()
        self._output = output
        self._handlers = list(logger.handlers)
        self._parent = logger.parent if logger.propagate else None

    def emit(self, record: logging.LogRecord) -> None:
        lines = self._output.lines()
        if lines is not None:
            lines.write(record.name, f"{record.getMessage()}\n")
            return
        for handler in self._handlers:
            if record.levelno >= handler.level:
                handler.handle(record)
        if self._parent is not None:
            self._parent.callHandlers(record)

    def createLock(self) -> None:  # noqa: N802  (the name of the standard library)
        """None: those that really write have their own."""
        self.lock = None


@contextmanager
def _diverted_logger(output: Output, name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    handlers, propagates = list(logger.handlers), logger.propagate
    diversion = _Diversion(output, logger)
    logger.handlers[:] = [diversion]
    logger.propagate = False
    try:
        yield
    finally:
        added = [handler for handler in logger.handlers if handler is not diversion]
        logger.handlers[:] = [*handlers, *added]
        logger.propagate = propagates
