from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import pytest

from snakepit_bridge.clock import SystemClock
from snakepit_bridge.engine.job import Execution, Job
from snakepit_bridge.errors import BridgeError, HandlerFailedError, SessionError
from snakepit_bridge.handlers.command import NoCodec
from snakepit_bridge.handlers.registry import HandlerRegistry, handles
from snakepit_bridge.handlers.work import Work
from snakepit_bridge.session.context import Session, current_execution
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager

KINDS = pytest.mark.parametrize("kind", ["def", "async def", "generator", "async generator"])


class Does:
    """The same code in its four kinds."""

    def __init__(self, code: Callable[[Session], Any]) -> None:
        self._code = code

    @handles("def")
    def plain(self, session: Session) -> Any:
        return self._code(session)

    @handles("async def")
    async def on_loop(self, session: Session) -> Any:
        await asyncio.sleep(0)
        return self._code(session)

    @handles("generator")
    def items(self, session: Session) -> Generator[Any, None, None]:
        yield self._code(session)

    @handles("async generator")
    async def items_on_loop(self, session: Session) -> AsyncGenerator[Any, None]:
        await asyncio.sleep(0)
        yield self._code(session)


def _execution(
    handler: object, kind: str, encode: Callable[[Any, Session], Any] | None = None
) -> Execution:
    registry = HandlerRegistry()
    registry.register(handler)
    entry = registry.find(kind)
    session = SessionManager(EmbeddedHost()).get_or_create("s")
    job = Job(
        session_id="s",
        command=kind,
        args={},
        streams=entry.streams,
        runs_on_loop=entry.runs_on_loop,
        trace_context={},
    )
    work = Work(entry, session, encode or NoCodec().encode)
    return Execution(job, work, clock=SystemClock(), on_end=lambda: None)


def _shouted(value: str, session: Session) -> str:
    assert session.id == "s"
    return value.upper()


def _number(value: str, session: Session) -> int:
    assert session.id == "s"
    return int(value)


async def _outcome(execution: Execution) -> Any:
    """Its value, or a list of its items."""
    result = execution.work(execution)
    match (execution.job.streams, execution.job.runs_on_loop):
        case (True, True):
            return [item async for item in result]
        case (True, False):
            return list(result)
        case (False, True):
            return await result
        case _:
            return result


@KINDS
async def test_values_and_items_are_encoded_where_the_code_runs(kind: str) -> None:
    execution = _execution(Does(lambda session: session.id), kind, encode=_shouted)

    assert await _outcome(execution) == (["S"] if "generator" in kind else "S")


@KINDS
async def test_without_an_encoding_they_stay_as_they_are(kind: str) -> None:
    value = object()

    outcome = await _outcome(_execution(Does(lambda _: value), kind))

    assert outcome == ([value] if "generator" in kind else value)


@KINDS
async def test_the_code_sees_its_session_with_its_own_command(kind: str) -> None:
    seen: list[object] = []

    def look(session: Session) -> None:
        seen.extend([session.id, session.cancelled, current_execution.get()])

    execution = _execution(Does(look), kind)
    execution.cancel()
    await _outcome(execution)

    assert seen == ["s", True, execution]


class BareError(BaseException):
    """Not even an ``Exception``."""


@KINDS
@pytest.mark.parametrize(
    "raised",
    [
        ValueError,
        SystemExit,
        KeyboardInterrupt,
        GeneratorExit,
        StopAsyncIteration,
        asyncio.CancelledError,
        BareError,
    ],
)
async def test_whatever_the_code_raises_leaves_as_its_failure(
    kind: str, raised: type[BaseException]
) -> None:
    """A ``GeneratorExit`` once passed for the end of the items, and for the value ``None``."""

    def fail(_: Session) -> None:
        raise raised("why")

    with pytest.raises(HandlerFailedError) as caught:
        await _outcome(_execution(Does(fail), kind))

    told = caught.value.foreign_type
    # Python itself lets no StopAsyncIteration out of an async generator.
    assert told == raised.__name__ or (told, kind) == ("RuntimeError", "async generator")
    assert caught.value.__cause__ is not None


@KINDS
async def test_an_error_of_the_bridge_leaves_as_it_is(kind: str) -> None:
    error = SessionError("no such session")

    def fail(_: Session) -> None:
        raise error

    with pytest.raises(SessionError) as caught:
        await _outcome(_execution(Does(fail), kind))

    assert caught.value is error


@KINDS
async def test_a_value_that_cannot_be_encoded_is_a_failure_of_the_code(kind: str) -> None:
    with pytest.raises(HandlerFailedError, match="raised ValueError: invalid literal"):
        await _outcome(_execution(Does(lambda _: "x"), kind, encode=_number))


@KINDS
async def test_a_coroutine_in_the_place_of_a_value_is_refused_with_the_remedy(kind: str) -> None:
    """It was once sent as a marker, and Python warned that nobody had awaited it."""

    async def forgotten() -> None:
        raise NotImplementedError

    with pytest.raises(HandlerFailedError, match="returned a coroutine") as caught:
        await _outcome(_execution(Does(lambda _: forgotten()), kind))

    assert "async def" in caught.value.hint


# --- cancellation -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["async def", "async generator"])
async def test_wanted_cancellation_leaves_as_such(kind: str) -> None:
    def fail(_: Session) -> None:
        raise asyncio.CancelledError

    execution = _execution(Does(fail), kind)
    execution.cancel()

    with pytest.raises(asyncio.CancelledError):
        await _outcome(execution)


@pytest.mark.parametrize("kind", ["def", "generator"])
async def test_no_thread_is_left_with_a_cancellation(kind: str) -> None:
    def fail(_: Session) -> None:
        raise asyncio.CancelledError

    execution = _execution(Does(fail), kind)
    execution.cancel()

    with pytest.raises(HandlerFailedError):
        await _outcome(execution)


class Cleans:
    def __init__(self) -> None:
        self.cleaned_up: list[str] = []

    @handles("generator")
    def items(self, session: Session) -> Generator[int, None, None]:
        try:
            yield 1
            yield 2
        finally:
            self.cleaned_up.append("generator")

    @handles("async generator")
    async def items_on_loop(self, session: Session) -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            self.cleaned_up.append("async generator")


@pytest.mark.parametrize("kind", ["generator", "async generator"])
async def test_closing_the_items_closes_the_code_that_makes_them(kind: str) -> None:
    cleans = Cleans()
    execution = _execution(cleans, kind)
    items = execution.work(execution)
    first = await anext(items) if execution.job.runs_on_loop else next(items)

    execution.cancel()
    await items.aclose() if execution.job.runs_on_loop else items.close()

    assert first == 1
    assert cleans.cleaned_up == [kind]


class Stubborn:
    @handles("generator")
    def items(self, session: Session) -> Generator[int, None, None]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    @handles("async generator")
    async def items_on_loop(self, session: Session) -> AsyncGenerator[int, None]:
        try:
            yield 1
        except GeneratorExit:
            yield 2


@pytest.mark.parametrize("kind", ["generator", "async generator"])
async def test_items_that_refuse_to_end_are_a_failure_of_the_code(kind: str) -> None:
    execution = _execution(Stubborn(), kind)
    items = execution.work(execution)
    await anext(items) if execution.job.runs_on_loop else next(items)
    execution.cancel()

    with pytest.raises(BridgeError, match="ignored GeneratorExit"):
        await items.aclose() if execution.job.runs_on_loop else items.close()
