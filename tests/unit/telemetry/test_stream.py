from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import pytest

from snakepit_bridge.errors import BridgeError, ErrorCode
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.telemetry.stream import MAX_BUFFER, MAX_STREAMS, TelemetryStream


class Controls:
    """What a reader sends, one after the other; ``applied`` once all before it has been read."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue()

    async def send(self, *controls: object) -> None:
        for control in controls:
            self._queue.put_nowait(control)
        # Asked for the next one, the stream has done what the ones before say.
        async with asyncio.timeout(5):
            await self._queue.join()

    def fail(self, error: BaseException) -> None:
        self._queue.put_nowait(error)

    def end(self) -> None:
        self._queue.put_nowait(None)

    def __aiter__(self) -> Controls:
        return self

    async def __anext__(self) -> Any:
        if self._taken:
            self._queue.task_done()
        self._taken = True
        control = await self._queue.get()
        if control is None:
            raise StopAsyncIteration
        if isinstance(control, BaseException):
            raise control
        return control

    _taken = False


class Rpc:
    """The context of a call that can be ended."""

    def __init__(self) -> None:
        self._told: list[Callable[[Any], None]] = []

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._told.append(callback)

    def end(self) -> None:
        for callback in self._told:
            callback(self)


def toggle(*, on: bool) -> pb.TelemetryControl:
    return pb.TelemetryControl(toggle=pb.TelemetryToggle(enabled=on))


def sampling(rate: float, *patterns: str) -> pb.TelemetryControl:
    update = pb.TelemetrySamplingUpdate(sampling_rate=rate, event_patterns=patterns)
    return pb.TelemetryControl(sampling=update)


def filtering(*, allow: tuple[str, ...] = (), deny: tuple[str, ...] = ()) -> pb.TelemetryControl:
    return pb.TelemetryControl(filter=pb.TelemetryEventFilter(allow=allow, deny=deny))


class Reader:
    """Somebody who has opened a stream."""

    def __init__(self, stream: TelemetryStream, context: Rpc | None = None) -> None:
        self.controls = Controls()
        self.messages: AsyncGenerator[pb.TelemetryEvent, None] = stream.stream(
            self.controls, context
        )
        self._stream = stream

    async def open(self) -> Reader:
        """Have the stream begin: it sends its first message to a reader who asks for it."""
        self._first = asyncio.ensure_future(anext(self.messages))
        await asyncio.sleep(0)
        return self

    async def rest(self) -> list[str]:
        """Close the stream, and read the names of what was sent."""
        self._stream.close()
        async with asyncio.timeout(5):
            try:
                messages = [await self._first]
            except StopAsyncIteration:
                return []
            messages += [message async for message in self.messages]
        return [".".join(message.event_parts) for message in messages]


async def opened(stream: TelemetryStream) -> Reader:
    return await Reader(stream).open()


# --- messages -----------------------------------------------------------------------------------


async def test_an_event_travels_as_a_message() -> None:
    stream = TelemetryStream()

    measurements = {"duration": 7, "ratio": 0.5, "unit": "ms", "ok": True}
    stream.emit("python.call.stop", measurements, {"size": 3}, "sp-1")
    reader = Reader(stream)
    async with asyncio.timeout(5), aclosing(reader.messages) as messages:
        message = await anext(messages)

    assert list(message.event_parts) == ["python", "call", "stop"]
    assert message.measurements["duration"] == pb.TelemetryValue(int_value=7)
    assert message.measurements["ratio"] == pb.TelemetryValue(float_value=0.5)
    assert message.measurements["unit"] == pb.TelemetryValue(string_value="ms")
    assert message.measurements["ok"] == pb.TelemetryValue(int_value=1)
    assert dict(message.metadata) == {"size": "3"}
    assert message.correlation_id == "sp-1"
    assert message.timestamp_ns > 0


# --- before, between, after ---------------------------------------------------------------------


async def test_events_wait_for_the_first_stream() -> None:
    stream = TelemetryStream()

    stream.emit("a", {})
    stream.emit("b", {})
    reader = await opened(stream)
    stream.emit("c", {})

    assert await reader.rest() == ["a", "b", "c"]
    assert stream.dropped_count == 0


async def test_what_comes_too_early_is_dropped_once_as_many_wait_as_may() -> None:
    stream = TelemetryStream(max_buffer=2)

    for name in "abcd":
        stream.emit(name, {})
    took = stream.takes_events
    reader = await opened(stream)
    takes = stream.takes_events

    assert (took, takes) == (False, True)
    assert stream.dropped_count == 2
    assert await reader.rest() == ["a", "b"]


def test_as_many_events_wait_as_snakepits_own_worker_keeps() -> None:
    stream = TelemetryStream()

    for _ in range(MAX_BUFFER + 1):
        stream.emit("a", {})

    assert MAX_BUFFER == 1024
    assert stream.dropped_count == 1


def test_a_stream_without_a_place_takes_nothing() -> None:
    stream = TelemetryStream(max_buffer=0)

    stream.emit("a", {})

    assert not stream.takes_events
    assert stream.dropped_count == 1


async def test_a_full_queue_drops_what_is_new() -> None:
    stream = TelemetryStream(max_buffer=2)
    reader = await opened(stream)

    for name in "abcde":
        stream.emit(name, {})

    assert stream.takes_events, "a reader is there and may read at any time"
    assert stream.dropped_count == 3
    assert await reader.rest() == ["a", "b"]


@pytest.mark.defect("D31")
async def test_after_a_stream_has_ended_events_cost_nothing_once_enough_wait() -> None:
    stream = TelemetryStream(max_buffer=2)
    reader = await opened(stream)
    stream.emit("sent", {})
    await reader._first  # noqa: SLF001
    await reader.messages.aclose()

    class Costly:
        def __str__(self) -> str:
            raise NotImplementedError

    for name in "ab":
        stream.emit(name, {})
    stream.emit("c", {"size": Costly()})

    assert not stream.takes_events
    assert stream.dropped_count == 1
    assert await (await opened(stream)).rest() == ["a", "b"]


async def test_what_a_reader_left_unread_counts_as_dropped() -> None:
    stream = TelemetryStream()
    reader = await opened(stream)
    for name in "abc":
        stream.emit(name, {})

    await reader._first  # noqa: SLF001
    await reader.messages.aclose()

    assert stream.dropped_count == 2


# --- the end ------------------------------------------------------------------------------------


@pytest.mark.defect("D32")
async def test_a_stream_ends_when_it_is_closed_even_if_its_queue_is_full() -> None:
    stream = TelemetryStream(max_buffer=2)
    reader = await opened(stream)
    for name in "abc":
        stream.emit(name, {})

    assert await reader.rest() == ["a", "b"]


async def test_a_closed_stream_takes_nothing_and_ends_at_once() -> None:
    stream = TelemetryStream()
    stream.emit("early", {})

    stream.close()
    stream.close()
    stream.emit("late", {})
    took = stream.takes_events

    assert not took
    assert await (await opened(stream)).rest() == ["early"]
    assert stream.dropped_count == 0


async def test_an_event_that_is_built_while_the_stream_is_closed_is_not_kept() -> None:
    stream = TelemetryStream()

    class Closing:
        def __str__(self) -> str:
            stream.close()
            return "closing"

    stream.emit("a", {"x": Closing()})

    assert await (await opened(stream)).rest() == []


async def test_an_event_that_is_built_while_a_stream_is_opened_is_sent_on_it() -> None:
    stream, building, go_on = TelemetryStream(), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    class Slow:
        def __str__(self) -> str:
            loop.call_soon_threadsafe(building.set)
            go_on.wait(5)
            return "slow"

    async with asyncio.timeout(5):
        emitting = asyncio.create_task(asyncio.to_thread(stream.emit, "a", {"x": Slow()}))
        await building.wait()
        reader = await opened(stream)
        go_on.set()
        await emitting

    assert await reader.rest() == ["a"]


async def test_a_stream_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    stream = TelemetryStream()
    reader = await opened(stream)
    stream.emit("a", {})
    await reader._first  # noqa: SLF001

    during = asyncio.all_tasks()
    await reader.messages.aclose()

    assert len(during) > len(before)
    assert asyncio.all_tasks() == before


async def test_a_stream_that_is_cancelled_while_it_sends_leaves_nothing_behind() -> None:
    """gRPC never resumes the generator then."""
    stream, rpc = TelemetryStream(), Rpc()
    reader = Reader(stream, rpc)
    await reader.open()
    stream.emit("a", {})
    await reader._first  # noqa: SLF001

    rpc.end()
    stream.emit("b", {})
    async with asyncio.timeout(5):
        while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110
            await asyncio.sleep(0)

    assert stream._loop is None  # noqa: SLF001
    assert await (await opened(stream)).rest() == ["b"]
    await reader.messages.aclose()


# --- two streams --------------------------------------------------------------------------------


@pytest.mark.defect("D32")
async def test_a_second_stream_changes_nothing_for_the_first() -> None:
    stream = TelemetryStream(max_buffer=2)
    first = await opened(stream)
    second = await opened(stream)
    await second.controls.send(filtering(deny=("a",)))

    for name in "abc":
        stream.emit(name, {})
    dropped = stream.dropped_count
    await second._first  # noqa: SLF001
    await second.messages.aclose()
    rest = await first.rest()

    assert rest == ["a", "b"]
    assert dropped == 1


async def test_more_streams_than_anybody_needs_are_refused() -> None:
    stream = TelemetryStream()
    readers = [await opened(stream) for _ in range(MAX_STREAMS)]

    with pytest.raises(BridgeError) as caught:
        await anext(Reader(stream).messages)

    assert caught.value.code is ErrorCode.QUOTA_EXCEEDED
    assert [await reader.rest() for reader in readers] == [[]] * MAX_STREAMS


# --- controls -----------------------------------------------------------------------------------


async def test_a_stream_is_on_until_it_is_switched_off() -> None:
    stream = TelemetryStream()
    reader = await opened(stream)

    stream.emit("a", {})
    await reader.controls.send(toggle(on=False))
    while_off = stream.takes_events
    stream.emit("b", {})
    await reader.controls.send(toggle(on=True))
    stream.emit("c", {})

    assert not while_off
    assert stream.takes_events
    assert await reader.rest() == ["a", "c"]
    assert stream.dropped_count == 0


async def test_a_stream_takes_events_while_one_of_its_readers_does() -> None:
    stream = TelemetryStream()
    off, on = await opened(stream), await opened(stream)

    await off.controls.send(toggle(on=False))
    stream.emit("a", {})

    assert stream.takes_events
    assert await on.rest() == ["a"]
    assert await off.rest() == []


@pytest.mark.defect("D40")
async def test_the_sampling_of_a_reader_is_for_the_events_it_names() -> None:
    stream = TelemetryStream(draw=lambda: 0.5)
    reader = await opened(stream)

    await reader.controls.send(sampling(0.1, "python.*"))
    stream.emit("python.call.start", {})
    stream.emit("tool.result_size", {})
    await reader.controls.send(sampling(0.9, "python.*"))
    stream.emit("python.call.stop", {})

    assert await reader.rest() == ["tool.result_size", "python.call.stop"]


async def test_events_that_a_filter_keeps_out_are_not_built() -> None:
    class Costly:
        def __str__(self) -> str:
            raise NotImplementedError

    stream = TelemetryStream()
    reader = await opened(stream)

    await reader.controls.send(filtering(allow=("tool.*",), deny=("*.start",)))
    for name in ("python.call.stop", "tool.execution.start"):
        stream.emit(name, {"x": Costly()})
    stream.emit("tool.execution.stop", {})

    assert await reader.rest() == ["tool.execution.stop"]


@pytest.mark.parametrize(
    "control", [pb.TelemetryControl(), sampling(float("nan"))], ids=["nothing", "no number"]
)
async def test_a_control_that_is_wrong_is_logged_and_ignored(
    control: pb.TelemetryControl, caplog: pytest.LogCaptureFixture
) -> None:
    stream = TelemetryStream()
    reader = await opened(stream)

    await reader.controls.send(control, filtering(deny=("a",)))
    stream.emit("a", {})
    stream.emit("b", {})

    assert await reader.rest() == ["b"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "was ignored" in caplog.text


async def test_events_go_on_when_the_controls_have_ended() -> None:
    stream = TelemetryStream()
    reader = await opened(stream)
    reader.controls.end()

    async with asyncio.timeout(5):
        await _controls_ended()
    stream.emit("a", {})

    assert await reader.rest() == ["a"]


async def test_events_go_on_when_the_controls_cannot_be_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = TelemetryStream()
    reader = await opened(stream)
    reader.controls.fail(ConnectionError("a broken pipe"))

    async with asyncio.timeout(5):
        await _controls_ended()
    stream.emit("a", {})

    assert await reader.rest() == ["a"]
    assert "a broken pipe" in caplog.text


# --- threads ------------------------------------------------------------------------------------


async def test_every_event_of_eight_threads_arrives_in_the_order_of_its_thread() -> None:
    stream = TelemetryStream(max_buffer=8 * 100)
    reader = await opened(stream)
    together = threading.Barrier(8, timeout=5)

    def emit_all(thread: int) -> None:
        together.wait()
        for number in range(100):
            stream.emit(f"{thread}.{number}", {})

    with _threads(emit_all, 8) as threads:
        async with asyncio.timeout(5):
            await asyncio.to_thread(_join, threads)
    names = await reader.rest()

    assert len(names) == 800
    for thread in range(8):
        ours = [name for name in names if name.startswith(f"{thread}.")]
        assert ours == [f"{thread}.{number}" for number in range(100)]
    assert stream.dropped_count == 0


def test_eight_threads_together_keep_no_more_than_may_wait() -> None:
    stream = TelemetryStream(max_buffer=100)
    together = threading.Barrier(8, timeout=5)

    def emit_all(_: int) -> None:
        together.wait()
        for _ in range(100):
            stream.emit("a", {})

    with _threads(emit_all, 8) as threads:
        _join(threads)

    assert len(stream._early) == 100  # noqa: SLF001
    assert stream.dropped_count == 700


def test_a_destructor_may_emit_while_its_thread_emits() -> None:
    """The garbage collector runs it anywhere, so also while the lock is held."""
    stream = TelemetryStream()

    with stream._lock:  # noqa: SLF001
        stream.emit("from.a.destructor", {})

    assert len(stream._early) == 1  # noqa: SLF001


def _join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(5)


@contextmanager
def _threads(work: Callable[[int], None], count: int) -> Iterator[list[threading.Thread]]:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    yield threads
    assert not any(thread.is_alive() for thread in threads)


async def _controls_ended() -> None:
    while any(task.get_name() == "telemetry-controls" for task in asyncio.all_tasks()):  # noqa: ASYNC110
        await asyncio.sleep(0)
