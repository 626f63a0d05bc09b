"""The answer of a stub, whichever way the stub gives it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Any


def plain_response(response: Any) -> Any:
    """The answer itself; blocks until it is there.

    Args:
        response: The answer, a future of it, a function that fetches it, or an awaitable.

    Raises:
        RuntimeError: It has to be awaited, but a loop runs on this thread.
    """
    if inspect.isawaitable(response):
        if _loop_runs_here():
            if inspect.iscoroutine(response):
                response.close()
            text = (
                "an awaitable answer cannot be waited for on the loop's own thread; "
                "use register_with_session_async"
            )
            raise RuntimeError(text)
        return asyncio.run(_wait_for(response))
    fetch = _fetching(response)
    return response if fetch is None else plain_response(fetch())


async def awaited_response(response: Any) -> Any:
    """The answer itself; whatever blocks does so on another thread.

    Args:
        response: The answer, a future of it, a function that fetches it, or an awaitable.
    """
    if inspect.isawaitable(response):
        return await response
    fetch = _fetching(response)
    if fetch is None:
        return response
    return await awaited_response(await asyncio.to_thread(fetch))


async def called_stub(stub: Any, request: Any) -> Any:
    """Call ``RegisterTools``; a method of a blocking channel is called on another thread."""
    method = stub.RegisterTools
    # The blocking kind of gRPC's methods can be told by this; everything else is cheap to call or
    # has to be called on the loop's own thread.
    if callable(getattr(method, "with_call", None)):
        return await asyncio.to_thread(method, request)
    return method(request)


def _fetching(response: Any) -> Any:
    """What to call for the answer; ``None`` when this is the answer."""
    result = getattr(response, "result", None)
    if callable(result):
        return result
    return response if callable(response) else None


async def _wait_for(response: Awaitable[Any]) -> Any:
    return await response


def _loop_runs_here() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
