"""Calls into envelopes, replies into values or errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import BridgeError, HostUnavailableError, InvalidArgumentError
from snakepit_bridge.telemetry.propagation import NOTHING, current_headers
from snakepit_bridge.transport.envelope import Envelope
from snakepit_bridge.transport.failures import error_from
from snakepit_bridge.transport.options import usual_options
from snakepit_bridge.values import find_encoding
from snakepit_bridge.values.beside import Beside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snakepit_bridge.transport.envelope import Reply
    from snakepit_bridge.values.blob import Blob


class _Blobs(Beside):
    """Takes the blobs of one call's arguments."""

    def __init__(self) -> None:
        self.blobs: list[Blob] = []

    def put(self, blob: Blob) -> int:
        """Take a blob; there is always room."""
        self.blobs.append(blob)
        return len(self.blobs) - 1


class CallCodec:
    """Writes calls and reads their replies in one encoding.

    Args:
        encoding: Its name, e.g. ``"json"``.

    Raises:
        InvalidArgumentError: There is no such encoding.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = find_encoding(encoding)

    @property
    def is_lossless(self) -> bool:
        """Whether arrays arrive as arrays, and objects as refs, without being asked for."""
        return usual_options(self._encoding.name).binary

    def envelope(
        self,
        command: str,
        args: Mapping[str, object] | None,
        *,
        session: str | None,
        timeout_s: float | None,
        metadata: Mapping[str, str] = NOTHING,
    ) -> Envelope:
        """The call as it travels, a child of the current span.

        Raises:
            InvalidArgumentError: An argument, or a name, cannot be written; says which.
        """
        arguments = args or {}
        _require_utf8(command, session or "", *arguments)
        beside = _Blobs()
        return Envelope(
            command=command,
            args=self._encoding.encode_args(arguments, beside),
            blobs=beside.blobs,
            encoding=self._encoding.name,
            metadata=metadata,
            session_id=session or "",
            timeout_s=timeout_s,
            trace_context=current_headers(),
        )

    def value(self, reply: Reply) -> Any:
        """The value of a reply that carries one; ``None`` for an empty reply."""
        return None if reply.encoded is None else self._encoding.decode(reply.encoded)


def error_of(reply: Reply | None, command: str) -> BridgeError:
    """The error to raise for a failed reply, or for the lack of one."""
    if reply is None or reply.failure is None:
        return HostUnavailableError(f"The answer of {command!r} broke off.", {"command": command})
    error = error_from(reply.failure)
    error.metadata = reply.metadata
    return error


def _require_utf8(*names: str) -> None:
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            text = f"The name {name!r} is not possible: it holds half a character."
            hint = "It contains a lone surrogate, which UTF-8 cannot carry."
            raise InvalidArgumentError(text, {"hint": hint}) from error
