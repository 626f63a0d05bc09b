"""Lets in only callers that show a token."""

from __future__ import annotations

import hmac
import logging
from typing import TYPE_CHECKING, Any

import grpc

from snakepit_bridge.errors import UnauthenticatedError
from snakepit_bridge.grpc import status
from snakepit_bridge.transport.failures import failure_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    RpcHandler = grpc.RpcMethodHandler[Any, Any]

log = logging.getLogger(__name__)

OPEN_TO_ALL = "/grpc.health.v1.Health/"
"""Load balancers ask for health without a token, and learn nothing else."""

HINT = "Send the metadata 'authorization: Bearer TOKEN' with a token of the server's --token-file."


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Ends calls without a right token before anything of them is read.

    Args:
        tokens: Any of these will do, so that one can be replaced while the other is still in use.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self._expected = [f"Bearer {token}".encode() for token in tokens]
        # One handler ends calls of every kind. Only this kind of handler runs without waiting for
        # a request, which a caller who is not let in may never send, or send as large as it likes.
        self._refusal: RpcHandler = grpc.stream_stream_rpc_method_handler(_refuse)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[RpcHandler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> RpcHandler | None:
        """Hand the call on, or to a handler that ends it."""
        if handler_call_details.method.startswith(OPEN_TO_ALL) or self._is_right(
            handler_call_details
        ):
            return await continuation(handler_call_details)
        return self._refusal

    def _is_right(self, call: grpc.HandlerCallDetails) -> bool:
        for name, value in call.invocation_metadata:
            if name == "authorization":
                shown = value.encode() if isinstance(value, str) else value
                return any(hmac.compare_digest(shown, each) for each in self._expected)
        return False


async def _refuse(requests: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:
    del requests
    error = UnauthenticatedError("The token is missing or wrong.", {"hint": HINT})
    log.info("a call of %s had no right token", context.peer(), extra={"error_id": error.error_id})
    await status.abort(context, failure_of(error))
