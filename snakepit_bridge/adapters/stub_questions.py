"""Asks the host through whatever stub an adapter was given."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from snakepit_bridge.adapters.host_stub import HostRpc

if TYPE_CHECKING:
    import grpc

_T = TypeVar("_T")


class Question(NamedTuple):
    """One RPC to make."""

    rpc: str
    """Its name, e.g. ``"ExecuteElixirTool"``."""

    request: Any
    """Its request message."""


Questions: TypeAlias = Generator[Question, Any, _T]
"""What is asked for one result, whether from a thread or from a loop."""


class StubFailedError(RuntimeError):
    """A stub raised.

    Args:
        error: What it raised; the cause of this.
    """

    def __init__(self, error: Exception) -> None:
        # gRPC has no name for what its stubs raise: an error that is the call as well.
        call: Any = error if hasattr(error, "code") and hasattr(error, "details") else None
        said = str(error) if call is None else call.details()
        super().__init__(said or repr(error))
        self.__cause__ = error
        self.status: grpc.StatusCode | None = None if call is None else call.code()
        """The status of a call that failed; none where it never became a call."""


def ask(stub: Any, question: Question) -> Any:
    """Ask from a thread, and wait for the answer.

    Raises:
        StubFailedError: There is none.
    """
    try:
        return getattr(stub, question.rpc)(question.request)
    # A stub is Snakepit's, ours, or a double of somebody's tests.
    except Exception as error:
        raise StubFailedError(error) from error


async def ask_async(stub: Any, question: Question, *, timeout_s: float | None = None) -> Any:
    """As ``ask``, without blocking the loop, be the stub of either kind.

    Args:
        stub: Any stub of Snakepit's service.
        question: What to ask.
        timeout_s: Seconds to give it; ``None`` leaves that to the stub.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _answer_of(getattr(stub, question.rpc), question.request, timeout_s)
    except Exception as error:
        raise StubFailedError(error) from error


def result_of(stub: Any, questions: Questions[_T]) -> _T:
    """Ask all questions from a thread."""
    try:
        question = next(questions)
        while True:
            try:
                answer = ask(stub, question)
            except StubFailedError as error:
                question = questions.throw(error)
            else:
                question = questions.send(answer)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]  # StopIteration is not generic


async def result_of_async(stub: Any, questions: Questions[_T]) -> _T:
    """Ask all questions on a loop."""
    try:
        question = next(questions)
        while True:
            try:
                answer = await ask_async(stub, question)
            except StubFailedError as error:
                question = questions.throw(error)
            else:
                question = questions.send(answer)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]  # StopIteration is not generic
    finally:
        questions.close()


async def _answer_of(rpc: Any, request: Any, timeout_s: float | None) -> Any:
    if isinstance(rpc, HostRpc):
        return await rpc.ask(request, timeout_s=timeout_s)
    options = {} if timeout_s is None else {"timeout": timeout_s}
    # This tells the blocking kind of gRPC's methods; the others are called on their own loop.
    if callable(getattr(rpc, "with_call", None)):
        answer = await asyncio.to_thread(rpc, request, **options)
    else:
        answer = rpc(request, **options)
    return await answer if inspect.isawaitable(answer) else answer
