from __future__ import annotations

import asyncio

import grpc
import pytest

from snakepit_bridge.grpc.host_attempt import Attempt
from tests.unit.grpc.fake_rpcs import FakeRpc


def _no_probe() -> FakeRpc:
    raise NotImplementedError


def _failed(code: grpc.StatusCode, details: str | None = "refused") -> FakeRpc:
    rpc = FakeRpc()
    rpc.fail(code, details)
    return rpc


def test_an_answer_that_is_there_is_returned() -> None:
    rpc = FakeRpc()
    rpc.answer("yes")

    assert Attempt(rpc, probe=_no_probe, patience_s=5).wait() == "yes"


def test_a_failure_is_raised_as_grpc_raises_it() -> None:
    rpc = _failed(grpc.StatusCode.NOT_FOUND)

    with pytest.raises(grpc.RpcError) as caught:
        Attempt(rpc, probe=_no_probe, patience_s=5).wait()

    assert caught.value is rpc


async def test_an_answer_wakes_the_loop() -> None:
    rpc = FakeRpc()
    attempt = Attempt(rpc, probe=_no_probe, patience_s=5)

    async with asyncio.timeout(5):
        waiting = asyncio.create_task(attempt.wait_async())
        await asyncio.to_thread(rpc.answer, "yes")

        assert await waiting == "yes"


def test_a_probe_that_finds_nobody_ends_the_attempt() -> None:
    rpc = FakeRpc()
    attempt = Attempt(rpc, probe=lambda: _failed(grpc.StatusCode.UNAVAILABLE), patience_s=0)

    with pytest.raises(grpc.FutureCancelledError):
        attempt.wait()

    assert attempt.unreachable == "refused"


async def test_a_probe_that_finds_nobody_ends_the_attempt_on_the_loop() -> None:
    rpc = FakeRpc()
    probe = _failed(grpc.StatusCode.UNAVAILABLE, None)
    attempt = Attempt(rpc, probe=lambda: probe, patience_s=0)

    async with asyncio.timeout(5):
        with pytest.raises(grpc.FutureCancelledError):
            await attempt.wait_async()

    assert attempt.unreachable == "no connection"


def test_a_probe_that_is_answered_lets_the_attempt_go_on() -> None:
    rpc = FakeRpc()

    def probe() -> FakeRpc:
        answered = FakeRpc()
        # The answer to the call itself comes a moment after that to the probe.
        answered.add_done_callback(lambda _: rpc.answer("late"))
        answered.answer()
        return answered

    assert Attempt(rpc, probe=probe, patience_s=0).wait() == "late"


def test_a_probe_without_an_answer_is_repeated() -> None:
    probes = [
        _failed(grpc.StatusCode.DEADLINE_EXCEEDED),
        _failed(grpc.StatusCode.DEADLINE_EXCEEDED),
        _failed(grpc.StatusCode.UNAVAILABLE),
    ]
    attempt = Attempt(FakeRpc(), probe=lambda: probes.pop(0), patience_s=0)

    with pytest.raises(grpc.FutureCancelledError):
        attempt.wait()

    assert probes == []


def test_there_is_no_probe_on_a_closed_channel() -> None:
    rpc = FakeRpc()

    def probe() -> None:
        rpc.fail(grpc.StatusCode.CANCELLED)

    with pytest.raises(grpc.RpcError):
        Attempt(rpc, probe=probe, patience_s=0).wait()


def test_an_end_leaves_neither_call_nor_probe_behind() -> None:
    rpc, probe = FakeRpc(), FakeRpc()
    attempt = Attempt(rpc, probe=lambda: probe, patience_s=0)
    rpc.add_done_callback(lambda _: None)

    attempt.cancel()
    with pytest.raises(grpc.FutureCancelledError):
        attempt.wait()
    attempt.end()

    assert rpc.cancelled


class _Waiting:
    """An attempt that waits on the loop, with its probe under way."""

    def __init__(self) -> None:
        self.rpc, self.probe = FakeRpc(), FakeRpc()
        self.attempt = Attempt(self.rpc, probe=self._start_probe, patience_s=0)
        self._probing = asyncio.Event()

    def _start_probe(self) -> FakeRpc:
        self._probing.set()
        return self.probe

    async def start(self) -> asyncio.Task[object]:
        task = asyncio.create_task(self.attempt.wait_async())
        async with asyncio.timeout(5):
            await self._probing.wait()
        return task


async def test_an_end_on_the_loop_ends_the_probe_too() -> None:
    waiting = _Waiting()
    task = await waiting.start()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    waiting.attempt.end()

    assert waiting.rpc.cancelled
    assert waiting.probe.cancelled


def test_a_probe_that_was_started_too_late_is_ended_at_once() -> None:
    rpc, probe = FakeRpc(), FakeRpc()

    def start() -> FakeRpc:
        attempt.end()
        return probe

    attempt = Attempt(rpc, probe=start, patience_s=0)

    with pytest.raises(grpc.FutureCancelledError):
        attempt.wait()

    assert probe.cancelled


def test_an_answer_for_a_loop_that_has_ended_bothers_nobody() -> None:
    waiting = _Waiting()

    async def give_up() -> None:
        task = await waiting.start()
        task.cancel()

    asyncio.run(give_up())

    waiting.rpc.answer("too late")


async def test_an_answer_together_with_a_cancellation_bothers_nobody() -> None:
    waiting = _Waiting()
    task = await waiting.start()
    afterwards = asyncio.Event()

    waiting.rpc.answer("just in time")
    task.cancel()
    asyncio.get_running_loop().call_soon(afterwards.set)

    with pytest.raises(asyncio.CancelledError):
        await task
    await afterwards.wait()
