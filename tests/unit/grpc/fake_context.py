"""What a service is told of a call by gRPC, without gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, cast

if TYPE_CHECKING:
    import grpc
    from grpc.aio import ServicerContext


class AbortedError(Exception):
    """A call was ended with a status; gRPC raises something of the kind, too."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details


class FakeContext:
    """One call.

    Args:
        headers: What came with it.
        remaining_s: Seconds to its deadline.
    """

    def __init__(
        self, headers: tuple[tuple[str, str | bytes], ...] = (), *, remaining_s: float | None = None
    ) -> None:
        self._headers = headers
        self._remaining_s = remaining_s

    def invocation_metadata(self) -> tuple[tuple[str, str | bytes], ...] | None:
        return self._headers or None

    def time_remaining(self) -> float | None:
        return self._remaining_s

    async def send_initial_metadata(self, headers: object) -> None:
        """Nobody waits for them."""

    def add_done_callback(self, callback: object) -> None:
        """The call ends with its test."""

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailers: object = ()
    ) -> NoReturn:
        raise AbortedError(code, details)


def fake_context(
    *headers: tuple[str, str | bytes], remaining_s: float | None = None
) -> ServicerContext[Any, Any]:
    """A call with these headers."""
    # A context has twenty methods; these are the ones that are asked.
    return cast("ServicerContext[Any, Any]", FakeContext(headers, remaining_s=remaining_s))
