"""What user code may do to a call: whatever it is, the caller hears of it from us, at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import grpc
import pytest

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session
from tests.integration.served import Served, info_of, served

TOO_LATE_S = 5.0
"""Nothing here takes a second; a call that hangs ends after this many."""


class BareError(BaseException):
    """Not even an ``Exception``."""


class EvilError(Exception):
    """Fails when it is looked at."""

    def __str__(self) -> str:
        raise BareError

    __repr__ = __str__


class CarelessError(BridgeError):
    """Forgets how an error begins."""

    def __init__(self) -> None:
        self.item = "vase"


def _huge_error() -> BridgeError:
    hint, facts = "h" * 1_000_000, {f"fact {number}": "x" * 1000 for number in range(1000)}
    return BridgeError("m" * 1_000_000, {"hint": hint, **facts})


FAILURES: dict[str, Callable[[], BaseException]] = {
    "ValueError": lambda: ValueError("plain"),
    "CancelledError": asyncio.CancelledError,
    "SystemExit": lambda: SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt,
    "StopIteration": lambda: StopIteration("value"),
    "StopAsyncIteration": StopAsyncIteration,
    "GeneratorExit": GeneratorExit,
    "BareError": lambda: BareError("bare"),
    "EvilError": EvilError,
    "CarelessError": CarelessError,
    "a message that is no text": lambda: BridgeError(404),  # type: ignore[arg-type]  # that is it
    "an endless message": lambda: ValueError("x" * 1_000_000),
    "an endless error of ours": _huge_error,
    "half characters": lambda: ValueError("a\ud800b" * 1000),
    "control characters": lambda: ValueError("".join(map(chr, range(32))) + "\x7f"),
    "percents": lambda: ValueError("%" * 10_000),
    "letters": lambda: ValueError("größe 😀" * 10_000),
    "a recursion": lambda: RecursionError("too deep"),
    "no memory": MemoryError,
    "a time limit of its own": lambda: TimeoutError("mine"),
    "a group": lambda: BaseExceptionGroup("two", [ValueError("one"), SystemExit(2)]),
    "an error of gRPC": lambda: grpc.RpcError("from another call"),
}


def _raise(failure: str) -> None:
    error = FAILURES[failure]()
    raise error


class Fails:
    """The same failure in the four kinds of code, before and after an item."""

    @handles("def")
    def plain(self, session: Session, *, failure: str) -> None:
        _raise(failure)

    @handles("async def")
    async def on_loop(self, session: Session, *, failure: str) -> None:
        await asyncio.sleep(0)
        _raise(failure)

    @handles("generator")
    def items(self, session: Session, *, failure: str) -> Generator[int, None, None]:
        yield 1
        _raise(failure)

    @handles("async generator")
    async def items_on_loop(self, session: Session, *, failure: str) -> AsyncGenerator[int, None]:
        yield 1
        _raise(failure)

    @handles("fine")
    def fine(self, session: Session) -> str:
        return "fine"


def _request(command: str, failure: str, *, in_band: bool) -> pb.ExecuteRequest:
    return pb.ExecuteRequest(
        command=command,
        args={"failure": f'"{failure}"'.encode()},
        encoding="json",
        in_band_errors=in_band,
    )


async def _last_answer(bridge: Served, request: pb.ExecuteRequest, *, streams: bool) -> Any:
    if not streams:
        return await bridge.stub.Execute(request, timeout=TOO_LATE_S)
    messages = [each async for each in bridge.stub.ExecuteStream(request, timeout=TOO_LATE_S)]
    return messages[-1]


WAYS = pytest.mark.parametrize(
    ("command", "streams"),
    [
        ("def", False),
        ("async def", False),
        ("def", True),
        ("async def", True),
        ("generator", True),
        ("async generator", True),
    ],
)


@WAYS
@pytest.mark.parametrize("failure", FAILURES)
async def test_whatever_code_raises_is_told_in_a_status(
    command: str, failure: str, *, streams: bool
) -> None:
    async with served(Fails()) as bridge:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _last_answer(bridge, _request(command, failure, in_band=False), streams=streams)
        after = await bridge.execute("fine")
        await bridge.at_rest()

    info = info_of(caught.value)
    details = caught.value.details() or ""
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert info.reason in {"HANDLER_FAILED", "INTERNAL"}
    assert info.metadata["error_id"]
    assert details.isascii()
    assert details.isprintable()
    assert after.value == b'"fine"'


@WAYS
@pytest.mark.parametrize("failure", FAILURES)
async def test_whatever_code_raises_is_told_in_band(
    command: str, failure: str, *, streams: bool
) -> None:
    async with served(Fails()) as bridge:
        request = _request(command, failure, in_band=True)
        answer = await _last_answer(bridge, request, streams=streams)
        await bridge.at_rest()

    assert answer.failure.code in {"HANDLER_FAILED", "INTERNAL"}
    assert answer.failure.message
    assert answer.failure.error_id
    assert len(answer.failure.traceback.encode()) <= 64 * 1024
    assert answer.ByteSize() < 512 * 1024
    assert answer.failure.type == type(FAILURES[failure]()).__name__ or "Stop" in failure


# --- values that cannot travel --------------------------------------------------------------------


class Odd:
    @handles("odd.value")
    def value(self, session: Session, *, which: str) -> Any:
        loop: list[Any] = []
        loop.append(loop)
        return {"half": "\ud800", "loop": loop, "key": {"\ud800": 1}}[which]

    @handles("odd.items")
    def items(self, session: Session, *, which: str) -> Generator[Any, None, None]:
        yield "fine"
        yield self.value(session, which=which)
        yield "never sent"

    @handles("odd.items_on_loop")
    async def items_on_loop(self, session: Session, *, which: str) -> AsyncGenerator[Any, None]:
        for item in self.items(session, which=which):
            yield item


@pytest.mark.parametrize("encoding", ["", "json"])
@pytest.mark.parametrize("which", ["half", "loop", "key"])
@pytest.mark.parametrize("command", ["odd.value", "odd.items", "odd.items_on_loop"])
async def test_a_value_that_cannot_travel_ends_its_command(
    encoding: str, which: str, command: str
) -> None:
    async with served(Odd()) as bridge:
        *_, end = await bridge.stream(
            command, args={"which": f'"{which}"'.encode()}, encoding=encoding, in_band_errors=True
        )
        await bridge.at_rest()

    assert (end.failure.code, end.is_final) == ("HANDLER_FAILED", True)
    assert end.failure.message


# --- code that will not end -----------------------------------------------------------------------


async def test_code_that_swallows_its_cancellation_keeps_no_caller_waiting() -> None:
    go_on = asyncio.Event()

    class Stubborn:
        @handles("stubborn.run")
        async def run(self, session: Session) -> None:
            while not go_on.is_set():
                try:
                    await go_on.wait()
                except asyncio.CancelledError:
                    continue

    async with served(Stubborn()) as bridge:
        answer = await bridge.execute("stubborn.run", timeout_ms=20, in_band_errors=True)
        load = bridge.engine.load()
        go_on.set()
        await bridge.at_rest()

    assert answer.failure.code == "DEADLINE_EXCEEDED"
    assert '"outcome":"abandoned"' in answer.failure.details_json
    assert (load.in_flight, load.abandoned) == (1, 1)


async def test_code_that_cancels_its_own_task_cancels_nothing_else() -> None:
    class Selfish:
        @handles("selfish.run")
        async def run(self, session: Session) -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

        @handles("selfish.return")
        async def and_return(self, session: Session) -> str:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            return "value"

    async with served(Selfish()) as bridge:
        failed = await bridge.execute("selfish.run", in_band_errors=True)
        returned = await bridge.execute("selfish.return")
        await bridge.at_rest()

    assert failed.failure.type == "CancelledError"
    assert returned.value == b'"value"'
