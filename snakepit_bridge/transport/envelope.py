"""A command as it came in, its reply as it goes out: bytes that no transport looks into."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.encoding import Encoded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One command, its arguments still in bytes."""

    command: str

    args: Mapping[str, Any] = _NOTHING
    """As the codec of the encoding reads them, bytes as a rule."""

    encoding: str = "json"
    """Of the arguments and of the reply; empty is the old convention."""

    session_id: str = ""
    """Empty means a session that ends with the command."""

    blobs: Sequence[Blob] = ()
    """Binary data beside the arguments, which refer to them by their places."""

    requires_session: bool = False
    """Whether an empty ``session_id`` is a mistake of the caller."""

    session_in_args: bool = False
    """Whether an argument ``session_id`` may name the session instead."""

    timeout_s: float | None = None
    """Seconds left; ``None`` means no limit."""

    request_id: str = ""

    metadata: Mapping[str, str] = _NOTHING

    trace_context: Mapping[str, str] = _NOTHING
    """W3C headers of the caller's span."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a failure, as data."""

    code: str
    """An ``ErrorCode``; a newer bridge may have codes that this one does not know."""

    type: str
    """Class of what was raised, e.g. ``"ValueError"``."""

    message: str
    hint: str = ""
    """The next step for a person."""

    details: Mapping[str, Any] = _NOTHING
    """Facts for programs; JSON can carry them."""

    foreign_message: str = ""
    """What the exception of user code said itself; empty for our own errors."""

    traceback: str = ""
    """Of user code, at most 64 KiB."""

    retryable: bool = False
    retry_after_s: float | None = None
    error_id: str = ""
    outcome: str = ""
    """What became of the code of a cancelled or late command, else empty."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an envelope, or one message of a streamed answer."""

    encoded: Encoded | None = None
    """The value; ``None`` when there is none, as in the last message of a streaming command."""

    failure: Failure | None = None
    is_final: bool = True
    metadata: Mapping[str, str] = _NOTHING
    """As in ``Result``, with ``error_id`` when it failed; of the last message only."""
