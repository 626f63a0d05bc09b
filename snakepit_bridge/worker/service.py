"""The thread that answers for a worker, whatever the code of its tools is busy with."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING

from snakepit_bridge.adapters.logging_config import log_without_waiting
from snakepit_bridge.worker.announcement import announced
from snakepit_bridge.worker.bound_server import bound_server
from snakepit_bridge.worker.exit_codes import ExitCode
from snakepit_bridge.worker.gil_watchdog import arm
from snakepit_bridge.worker.parent import parent_gone
from snakepit_bridge.worker.signals import watched_signals
from snakepit_bridge.worker.stdin import is_lifeline, stdin_closed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

    from snakepit_bridge.worker.bound_server import BoundServer
    from snakepit_bridge.worker.ending import Ending
    from snakepit_bridge.worker.environment import WorkerSettings

    OpenBridge = Callable[[BoundServer], AbstractAsyncContextManager[None]]

log = logging.getLogger("snakepit.grpc_server")

LAST_CALL_S = 4.8
"""When a process that was asked to end is ended, even if native code holds the interpreter; the
promise is 5 s."""


class Service:
    """Listens, opens the bridge once there is one, closes it when the process has to end.

    Tell it that the adapter has come, then give it the bridge; or ask for the end.

    Args:
        worker: What was decided.
        ending: Told when the process has to end; tells when others have asked for it.
        signals: What ``signal_pipe`` yields.
        parent: The process whose end is ours.
    """

    def __init__(
        self, worker: WorkerSettings, ending: Ending, *, signals: int, parent: int
    ) -> None:
        self._worker = worker
        self._ending = ending
        self._signals = signals
        self._parent = parent
        self._has_adapter: Future[None] = Future()
        self._bridge: Future[OpenBridge] = Future()
        self._over = threading.Event()
        self._when_over: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._run, name="bridge-service", daemon=True)
        self._thread.start()

    def announce(self) -> None:
        """The adapter has been imported: tell Elixir the port."""
        with suppress(InvalidStateError):  # the end was faster
            self._has_adapter.set_result(None)

    def open(self, bridge: OpenBridge, *, when_over: Callable[[], object]) -> None:
        """Serve a bridge until the end.

        Args:
            bridge: Opens it on the loop of the service, behind a server that listens already.
            when_over: Called when all is closed, once or twice.
        """
        self._when_over = when_over
        with suppress(InvalidStateError):
            self._bridge.set_result(bridge)
        if self._over.is_set():
            when_over()

    def join(self) -> None:
        """Wait until all is closed."""
        self._over.wait()

    # --- on the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        log_without_waiting()
        try:
            with asyncio.Runner() as runner:
                runner.run(self._until_asked())
        finally:
            self._ending.closed()
            self._over.set()
            self._when_over()

    async def _until_asked(self) -> None:
        with watched_signals(self._signals, self._ending.ask):
            tasks = [asyncio.create_task(each) for each in self._watches()]
            asked = asyncio.create_task(self._ending.asked())
            serving = asyncio.create_task(self._serve())
            await asyncio.wait({asked, serving}, return_when=asyncio.FIRST_COMPLETED)
            arm(LAST_CALL_S)
            await self._finish(serving)
        for task in (asked, *tasks):
            task.cancel()

    async def _finish(self, serving: asyncio.Task[None]) -> None:
        serving.cancel()
        try:
            await serving
        except asyncio.CancelledError:
            pass
        except OSError as error:
            # What is wrong outside of this process: the port, the ready file.
            log.error("the worker cannot serve: %s", error)  # noqa: TRY400
            self._ending.ask(ExitCode.CANNOT_START, "it cannot serve")
        except Exception:
            log.exception("the worker cannot serve")
            self._ending.ask(ExitCode.CANNOT_START, "it cannot serve")

    async def _serve(self) -> None:
        worker = self._worker
        size = worker.bridge.max_message_bytes
        async with bound_server(worker.port, max_message_bytes=size) as bound:
            await asyncio.wrap_future(self._has_adapter)
            # From here on the system keeps callers until the server takes them, some hundredths
            # of a second later; Elixir needs longer to look for the file.
            with announced(bound.port, worker.ready_file, if_killed=self._ending.before_leaving):
                open_bridge = await asyncio.wrap_future(self._bridge)
                async with open_bridge(bound):
                    log.info("serving %s on port %s", worker.adapter, bound.port)
                    await asyncio.Event().wait()

    def _watches(self) -> list[Coroutine[None, None, None]]:
        watches = [self._end_after(parent_gone(self._parent), "the parent process has ended")]
        if is_lifeline():
            watches.append(self._end_after(stdin_closed(), "standard input is closed"))
        return watches

    async def _end_after(self, event: Coroutine[None, None, None], why: str) -> None:
        await event
        self._ending.ask(ExitCode.PARENT_GONE, why)
