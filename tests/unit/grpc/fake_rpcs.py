"""A channel without a wire: RPCs that end when the test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import grpc


class FakeRpc(grpc.RpcError):
    """Like grpc's own calls, a future as well as the error it fails with."""

    def __init__(self) -> None:
        super().__init__()
        self._told: list[Callable[[Any], None]] = []
        self._answer: Any = None
        self._code: grpc.StatusCode | None = None
        self._details: str | None = None
        self.cancelled = False

    def answer(self, message: Any = None) -> None:
        self._answer = message
        self._end(grpc.StatusCode.OK, None)

    def fail(self, code: grpc.StatusCode, details: str | None = "it was told to") -> None:
        self._end(code, details)

    def _end(self, code: grpc.StatusCode, details: str | None) -> None:
        self._code, self._details = code, details
        told, self._told = self._told, []
        for tell in told:
            tell(self)

    def add_done_callback(self, told: Callable[[Any], None]) -> None:
        if self._code is None:
            self._told.append(told)
        else:
            told(self)

    def cancel(self) -> bool:
        if self._code is not None:
            return False
        self.cancelled = True
        self._end(grpc.StatusCode.CANCELLED, "cancelled here")
        return True

    def result(self) -> Any:
        if self._code is grpc.StatusCode.OK:
            return self._answer
        if self.cancelled:
            raise grpc.FutureCancelledError
        raise self

    def code(self) -> grpc.StatusCode:
        assert self._code is not None, "it has not ended"
        return self._code

    def details(self) -> str | None:
        return self._details


class Sent(NamedTuple):
    rpc: str
    request: Any
    timeout: float | None
    metadata: tuple[tuple[str, str | bytes], ...]
    wait_for_ready: bool | None


class FakeChannel(grpc.Channel):
    """Hands every call to ``serve``, which may end it at once, or later, or never."""

    def __init__(self, serve: Callable[[str, FakeRpc], None]) -> None:
        self.sent: list[Sent] = []
        self.closed = False
        self._serve = serve

    def unary_unary(self, method: str, *_: object, **__: object) -> Any:
        return _FakeMethod(self, method.rpartition("/")[2])

    def unary_stream(self, method: str, *_: object, **__: object) -> Any:
        return None

    def stream_unary(self, method: str, *_: object, **__: object) -> Any:
        return None

    def stream_stream(self, method: str, *_: object, **__: object) -> Any:
        return None

    def subscribe(self, *_: object, **__: object) -> None:
        raise NotImplementedError

    def unsubscribe(self, *_: object) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(self, *_: object) -> None:
        raise NotImplementedError

    def start(self, sent: Sent) -> FakeRpc:
        if self.closed:
            raise ValueError("Cannot invoke RPC: Channel closed!")
        self.sent.append(sent)
        rpc = FakeRpc()
        self._serve(sent.rpc, rpc)
        return rpc


class _FakeMethod:
    def __init__(self, channel: FakeChannel, rpc: str) -> None:
        self._channel = channel
        self._rpc = rpc

    def future(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: tuple[tuple[str, str | bytes], ...] = (),
        wait_for_ready: bool | None = None,  # noqa: FBT001  (grpc's signature)
    ) -> FakeRpc:
        return self._channel.start(Sent(self._rpc, request, timeout, metadata, wait_for_ready))
