"""What is asked of the host, as data: one RPC, or several that depend on each other's answers.

An *operation* is a generator that yields the calls it needs and returns its result. It neither
knows a channel nor whether it is run from a thread or from a loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec

from snakepit_bridge.errors import BridgeError, HostUnavailableError, InvalidArgumentError

if TYPE_CHECKING:
    import grpc

_T = TypeVar("_T")
_Message = TypeVar("_Message")

Headers: TypeAlias = Sequence[tuple[str, str | bytes]]

_NONE: Mapping[grpc.StatusCode, type[BridgeError]] = MappingProxyType({})


class HostCall(msgspec.Struct, frozen=True, kw_only=True):
    """One unary RPC of ``BridgeService``."""

    rpc: str
    """Its name, e.g. ``"GetVariable"``."""

    request: Any
    """Its request message."""

    what: str
    """Completes "The host could not …", e.g. ``"get variable 'x'"``."""

    errors: Mapping[grpc.StatusCode, type[BridgeError]] = _NONE
    """What a status means for this call, where that is not what it means in general."""

    unserved_hint: str = ""
    """What to do about a host that does not serve this RPC."""

    timeout_s: float | None = None
    """Where it is to have less time than its command, or the client's default, gives it."""

    connect_timeout_s: float | None = None
    """Where it is to wait less, or longer, for a connection than the other calls of its client."""

    metadata: Headers = ()
    """Headers of this call alone."""


Operation: TypeAlias = Generator[HostCall, Any, _T]


class HostLostError(HostUnavailableError):
    """The host went away while it had the call."""


def repeated(call: HostCall) -> Operation[Any]:
    """Make a call that changes nothing, once more when the host was lost on the way."""
    try:
        return (yield call)
    except HostLostError:
        return (yield call)


def message(kind: Callable[..., _Message], **fields: Any) -> _Message:
    """A request message.

    Raises:
        InvalidArgumentError: A name is not text, or has a lone surrogate; a number is too large.
    """
    try:
        return kind(**fields)
    except (TypeError, ValueError) as error:
        text = f"The host cannot be asked this: {error}."
        raise InvalidArgumentError(text, {"hint": "Names are text, versions 32-bit."}) from error


def run(operation: Operation[_T], send: Callable[[HostCall], Any]) -> _T:
    """Run an operation in this thread."""
    try:
        call = next(operation)
        while True:
            try:
                answer = send(call)
            except BridgeError as error:
                call = operation.throw(error)
            else:
                call = operation.send(answer)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]  # StopIteration is not generic


async def run_async(operation: Operation[_T], send: Callable[[HostCall], Awaitable[Any]]) -> _T:
    """Run an operation on the loop."""
    try:
        call = next(operation)
        while True:
            try:
                answer = await send(call)
            except BridgeError as error:
                call = operation.throw(error)
            else:
                call = operation.send(answer)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]  # StopIteration is not generic
    finally:
        operation.close()
