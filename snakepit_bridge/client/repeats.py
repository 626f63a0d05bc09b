"""Sends a call again that the bridge was too busy to begin."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from snakepit_bridge.client.codec import error_of
from snakepit_bridge.errors import BridgeError, ErrorCode

if TYPE_CHECKING:
    from snakepit_bridge.client.deadline import Deadline
    from snakepit_bridge.transport.envelope import Envelope, Reply


class Repeats:
    """What one call may still send.

    Args:
        envelope: The call.
        deadline: When it must have its answer.
        limit: How often it may be sent again.
    """

    def __init__(self, envelope: Envelope, deadline: Deadline, *, limit: int) -> None:
        self.envelope = envelope
        """What to send now."""
        self._deadline = deadline
        self._left = limit

    async def prepare(self, failed: Reply) -> None:
        """Wait until the call may be sent again, as the bridge asks for.

        Raises:
            BridgeError: What the reply says, if repeating is unsafe or of no use.
        """
        error = error_of(failed, self.envelope.command)
        pause_s = error.retry_after_s or 0.0
        if self._left <= 0 or not _never_began(error) or not self._deadline.allows(pause_s):
            raise error
        self._left -= 1
        await asyncio.sleep(pause_s)
        self.envelope = msgspec.structs.replace(self.envelope, timeout_s=self._deadline.remaining_s)


def _never_began(error: BridgeError) -> bool:
    """Whether the bridge says that no code of the command ran.

    A handler that calls another bridge may pass on that one's POOL_FULL; its own code has run for
    some time then.
    """
    return error.code is ErrorCode.POOL_FULL and error.metadata.get("run_ms") == "0.000"
