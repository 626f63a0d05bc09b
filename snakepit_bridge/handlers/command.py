"""A command, its result: what transports and handlers exchange."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snakepit_bridge.session.context import Session

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One request, not yet looked at."""

    name: str
    """As registered, e.g. ``"dspy.create_instance"``."""

    args: Mapping[str, Any]
    """As the transport's ``Codec`` wrote them."""

    session_id: str = ""
    """Empty means a session that ends with the command."""

    timeout_s: float | None = None
    """Seconds left when the command arrived; ``None`` means no limit."""

    requires_session: bool = False
    """Whether an empty ``session_id`` is a mistake of the caller."""

    trace_context: Mapping[str, str] = _NOTHING
    """W3C headers of the caller's span; empty where nothing is traced."""

    metadata: Mapping[str, str] = _NOTHING
    """What the caller said beside the arguments."""

    session_in_args: bool = False
    """Whether an argument ``session_id`` may name the session instead."""


class Codec(Protocol):
    """How a transport writes values; a command's own, so what it refuses is the command's failure.

    Every encoding of ``values`` is one.
    """

    def decode_args(self, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arguments of a command as values.

        Raises:
            InvalidArgumentError: Names every argument that cannot be read.
        """

    def encode(self, value: Any, session: Session) -> Any:
        """What the transport sends for a value; called where the code runs.

        Args:
            value: What the code returned or yielded.
            session: As the command sees it; keeps what has no form as a value.

        Raises:
            BridgeError: The value cannot travel.
        """


class NoCodec:
    """For callers in this process: values stay as they are."""

    def decode_args(self, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arguments themselves."""
        return args

    def encode(self, value: Any, session: Session) -> Any:
        """The value itself."""
        del session
        return value


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The value of a command, with what a router or a curious user needs."""

    value: Any
    metadata: Mapping[str, str]
    """``queue_ms``, ``run_ms``, ``in_flight``, ``queued``, ``worker_id``."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a stream's answer."""

    value: Any = None

    is_empty: bool = False
    """Whether there is no value at all, as in the last message of a streaming command."""

    is_final: bool = False
    """Whether nothing follows. A command that does not stream answers in one final chunk."""

    metadata: Mapping[str, str] = _NOTHING
    """As in ``Result``; of the final chunk only."""
