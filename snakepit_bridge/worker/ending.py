"""The end of a worker: asked for by whoever comes first, come true in time."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import select
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from snakepit_bridge.adapters.logging_config import log_without_waiting
from snakepit_bridge.worker.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("snakepit.grpc_server")


class Limits(NamedTuple):
    """How long the end may take. Elixir kills after 6 s, and the promise is 5 s."""

    close_s: float = 3.4
    """From the first wish until everything is closed; draining, the engine, the sessions and the
    exporter have less than this, all together."""

    close_alone_s: float = 1.5
    """The same where nobody is left to wait for an answer."""

    leave_s: float = 0.3
    """From then until the process is gone. The interpreter waits for every thread that is no
    daemon, even for one that never returns; so it is given time for exit handlers, and no more."""


LIMITS = Limits()

SWITCH_INTERVAL_S = 0.0005
"""How long a thread may keep the others waiting meanwhile: closing takes many turns, and a tool
that calculates may have half of them."""

_STDERR = 2


class Ending:
    """Hears the first wish to end the process, and sees to it that it ends.

    Args:
        limits: How long it may take.
        leave: Ends the process at once.
        when_alone: Called first where nobody is left who would clean up after this process.
    """

    def __init__(
        self,
        limits: Limits = LIMITS,
        *,
        leave: Callable[[int], object] = os._exit,
        when_alone: Callable[[], object] = lambda: None,
    ) -> None:
        self.code = ExitCode.DONE
        """How the process ends, once somebody has asked for it."""
        self._limits = limits
        self._leave = leave
        self._when_alone = when_alone
        self._wishes = itertools.count()
        self._why = ""
        self._before: list[Callable[[], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heard_on_loop = asyncio.Event()
        self._heard, self._closed = threading.Event(), threading.Event()
        # Now, because a signal handler must not start threads: it may have interrupted that.
        threading.Thread(target=self._watch, name="bridge-ending", daemon=True).start()

    def ask(self, code: ExitCode, why: str) -> None:
        """Ask for the end, from any thread or signal handler; only the first wish is heard.

        Args:
            code: How the process shall end.
            why: For the log.
        """
        if next(self._wishes):
            return
        self.code, self._why = code, why
        self._heard.set()
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has closed, and the process is about to end
                self._loop.call_soon_threadsafe(self._heard_on_loop.set)

    async def asked(self) -> None:
        """Return once somebody has asked; for the one loop of the service."""
        self._loop = asyncio.get_running_loop()
        # Whoever has asked before did not know the loop.
        if not self._heard.is_set():
            await self._heard_on_loop.wait()

    def before_leaving(self, call: Callable[[], None]) -> None:
        """Have this done if the process must be ended by force."""
        self._before.append(call)

    def closed(self) -> None:
        """Everything is closed; the process has to end now."""
        self._closed.set()

    def _watch(self) -> None:
        log_without_waiting()
        self._heard.wait()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        log.info("%s; the worker ends with code %s", self._why, int(self.code))
        is_alone = self.code in {ExitCode.HOST_LOST, ExitCode.PARENT_GONE}
        if is_alone:
            self._when_alone()
        limits = self._limits
        if not self._closed.wait(limits.close_alone_s if is_alone else limits.close_s):
            _tell("Ended by force: closing took too long.\n")
        # Never set: the interpreter ends before, and this thread with it.
        threading.Event().wait(limits.leave_s)
        for call in self._before:
            call()
        self._leave(self.code)


def _tell(text: str) -> None:
    """Write to standard error, unless nobody reads it: that must not keep the process alive."""
    with suppress(OSError, ValueError):
        if select.select((), (_STDERR,), (), 0)[1]:
            os.write(_STDERR, text.encode())
