"""The end of a server process, asked for by signal, held to its time."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from snakepit_bridge.cli.outcome import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import FrameType, TracebackType

SWITCH_INTERVAL_S = 0.0005
"""How long a thread may keep the others waiting while the process ends: a tenth of what is usual,
because a handler that calculates may be one of them, and closing takes many turns."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)

CLOSE_WITHIN_S = 3.8
"""From the first signal until everything is closed. Draining, the engine, the sessions and the
exporter each have less, 3.6 s together; this is for a loop that somebody blocks."""

END_WITHIN_S = 0.2
"""From then until the process is gone. The interpreter waits for every thread of a
``concurrent.futures`` pool, asyncio's own included, even for one that never returns; so it is given
time for exit handlers, and no more."""


class Stopping:
    """Makes the first signal a wish to stop, and the second an order.

    Use it on the main thread, around the loop. It promises that the process is gone 5 s after the
    first signal.

    Args:
        leftovers: Files that must not outlive the process, however it ends.
    """

    def __init__(self, leftovers: Sequence[Path] = ()) -> None:
        self._leftovers = tuple(leftovers)
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked = False
        self._code = ExitCode.FAILED
        self._closed = threading.Event()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        # Not the loop's own signal handlers: those wait for a loop that may be blocked.
        self._before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._asked:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def on_loop(self) -> asyncio.Event:
        """The wish to stop, for code on the running loop."""
        self._loop = asyncio.get_running_loop()
        return self._stop

    def closed(self, code: ExitCode) -> None:
        """Everything is closed; the process has to end now, and with this code."""
        self._code = code
        self._closed.set()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._asked:
            self._leave(128 + number)
        self._asked = True
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        threading.Thread(target=self._watch, name="bridge-stopping", daemon=True).start()
        if self._loop is None:
            self._stop.set()
        else:
            with suppress(RuntimeError):  # the loop has closed, and the process is about to end
                self._loop.call_soon_threadsafe(self._stop.set)

    def _watch(self) -> None:
        if not self._closed.wait(CLOSE_WITHIN_S):
            sys.stderr.write("Ended by force: something blocks the event loop.\n")
        # Never set: the interpreter ends before, and this thread with it.
        threading.Event().wait(END_WITHIN_S)
        self._leave(self._code)

    def _leave(self, code: int) -> None:
        for path in self._leftovers:
            path.unlink(missing_ok=True)
        sys.stderr.flush()
        os._exit(code)
