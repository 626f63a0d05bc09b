"""One RPC on its way to the host: ended by the answer, the deadline, or whoever gives up."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable


class RpcFuture(Protocol):
    """What is used of the futures of grpc, which has no name for their kind."""

    def add_done_callback(self, told: Callable[[Any], None]) -> None:
        """Call ``told`` from a thread of grpc's own once the RPC has ended, or now if it has."""

    def cancel(self) -> bool:
        """End the RPC; does nothing when it has ended."""

    def result(self) -> Any:
        """The answer, or what the RPC failed with."""

    def code(self) -> grpc.StatusCode:
        """The status of an RPC that has ended."""

    def details(self) -> str | None:
        """What was said about the status."""


class Attempt:
    """Waits for one RPC, from a thread or from a loop.

    The RPC waits until there is a connection. When it has had no answer after ``patience_s`` a
    probe finds out whether there is one, or another if it takes long to; if there is none, the RPC
    is ended and ``unreachable`` says why.

    Args:
        future: The RPC.
        probe: Starts another RPC, with little time, that fails at once where there is no
            connection; ``None`` when the channel is closed.
        patience_s: How long to wait without asking.
    """

    def __init__(
        self, future: RpcFuture, *, probe: Callable[[], RpcFuture | None], patience_s: float
    ) -> None:
        self._future = future
        self._start_probe = probe
        self._probe: RpcFuture | None = None
        self._patience_s = patience_s
        self._over = False
        self.unreachable: str | None = None

    def wait(self) -> Any:
        """Block until the RPC has ended; return its answer or raise what grpc raises."""
        ended = threading.Event()
        self._future.add_done_callback(lambda _: ended.set())
        if not ended.wait(self._patience_s):
            self._find_out()
            ended.wait()
        return self._future.result()

    async def wait_async(self) -> Any:
        """As ``wait``, on whichever loop this is."""
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        self._future.add_done_callback(lambda _: _settle_soon(loop, ended))
        timer = loop.call_later(self._patience_s, self._find_out)
        try:
            await ended
        finally:
            timer.cancel()
        return self._future.result()

    def cancel(self) -> None:
        """End the RPC; whoever waits for it goes on. From any thread."""
        self._future.cancel()

    def end(self) -> None:
        """Leave nothing behind, however the waiting ended."""
        self._over = True
        self._future.cancel()
        if self._probe is not None:
            self._probe.cancel()

    def _find_out(self) -> None:
        probe = self._probe = self._start_probe()
        if probe is not None:
            probe.add_done_callback(self._on_probed)
            if self._over:
                probe.cancel()

    def _on_probed(self, probe: RpcFuture) -> None:
        code = probe.code()
        if code is grpc.StatusCode.UNAVAILABLE:
            self.unreachable = probe.details() or "no connection"
            self._future.cancel()
        elif code is grpc.StatusCode.DEADLINE_EXCEEDED and not self._over:
            # Either it is still connecting, or it is connected and in no hurry to answer.
            self._find_out()


def _settle_soon(loop: asyncio.AbstractEventLoop, ended: asyncio.Future[None]) -> None:
    with suppress(RuntimeError):  # the loop is closed, so nobody waits
        loop.call_soon_threadsafe(_settle, ended)


def _settle(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)
