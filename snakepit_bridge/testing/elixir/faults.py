"""What goes wrong in Elixir because a test wants it to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.nearest import did_you_mean

if TYPE_CHECKING:
    import grpc

ANY_RPC = "*"
"""Stands for every RPC, where a name is asked for."""


class RpcFailure(Exception):  # noqa: N818  (how a call ends, not always a failure of ours)
    """Ends a call with a status.

    Args:
        status: The status.
        text: Its message.
    """

    def __init__(self, status: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(slots=True)
class _Failing:
    status: grpc.StatusCode
    text: str
    times: int | None


class Faults:
    """Delays, failures and gates by the name of the RPC. Safe to set from any thread.

    Each of its methods refuses a name that no RPC has with a ``ValueError``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slow: dict[str, float] = {}
        self._failing: dict[str, _Failing] = {}
        self._gates: dict[str, Future[None]] = {}

    def slow(self, rpc: str, seconds: float) -> None:
        """Answer calls of this RPC so much later, from now on."""
        _check_name(rpc)
        with self._lock:
            self._slow[rpc] = seconds

    def fail(
        self, rpc: str, status: grpc.StatusCode, text: str = "", *, times: int | None = None
    ) -> None:
        """End the next calls of this RPC with a status; ``None`` means all of them."""
        _check_name(rpc)
        with self._lock:
            self._failing[rpc] = _Failing(status, text or f"{rpc} was told to fail", times)

    def clear(self) -> None:
        """Do everything right again; gates stay, they belong to their blocks."""
        with self._lock:
            self._slow.clear()
            self._failing.clear()

    @contextmanager
    def hold(self, rpc: str) -> Iterator[None]:
        """Keep calls of this RPC waiting while the block runs."""
        _check_name(rpc)
        gate: Future[None] = Future()
        with self._lock:
            self._gates[rpc] = gate
        try:
            yield
        finally:
            with self._lock:
                self._gates.pop(rpc, None)
            gate.set_result(None)

    async def before(self, rpc: str) -> None:
        """Let happen to a call what is to happen to it.

        Raises:
            RpcFailure: It is to fail.
        """
        with self._lock:
            gates = [self._gates[name] for name in (rpc, ANY_RPC) if name in self._gates]
            seconds = max(self._slow.get(rpc, 0.0), self._slow.get(ANY_RPC, 0.0))
        for gate in gates:
            # Shielded: one call that is given up does not open the gate for the others.
            await asyncio.shield(asyncio.wrap_future(gate))
        if seconds:
            await asyncio.sleep(seconds)
        failing = self._take(rpc)
        if failing is not None:
            raise RpcFailure(failing.status, failing.text)

    def _take(self, rpc: str) -> _Failing | None:
        with self._lock:
            for name in (rpc, ANY_RPC):
                failing = self._failing.get(name)
                if failing is None:
                    continue
                if failing.times is None:
                    return failing
                failing.times -= 1
                if failing.times <= 0:
                    del self._failing[name]
                return failing
        return None


_RPCS = frozenset(pb.DESCRIPTOR.services_by_name["BridgeService"].methods_by_name)


def _check_name(rpc: str) -> None:
    if rpc not in {*_RPCS, ANY_RPC}:
        hint = did_you_mean(rpc, _RPCS, otherwise=f"ANY_RPC is {ANY_RPC!r}.")
        raise ValueError(f"BridgeService has no RPC {rpc!r}. {hint}")
