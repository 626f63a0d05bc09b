from __future__ import annotations

import asyncio
import contextlib

import grpc
import pytest

from snakepit_bridge.testing.elixir.faults import ANY_RPC, Faults, RpcFailure

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


async def _outcomes(faults: Faults, rpc: str, count: int) -> list[str]:
    outcomes = []
    for _ in range(count):
        try:
            await faults.before(rpc)
            outcomes.append("fine")
        except RpcFailure as failure:
            outcomes.append(f"{failure.status.name}: {failure.text}")
    return outcomes


async def test_without_faults_all_is_well() -> None:
    assert await _outcomes(Faults(), "Ping", 1) == ["fine"]


async def test_so_many_calls_fail() -> None:
    faults = Faults()
    faults.fail("Ping", UNAVAILABLE, "gone", times=2)

    assert await _outcomes(faults, "Heartbeat", 1) == ["fine"]
    assert await _outcomes(faults, "Ping", 3) == ["UNAVAILABLE: gone"] * 2 + ["fine"]


async def test_all_calls_fail_until_all_is_well_again() -> None:
    faults = Faults()
    faults.fail(ANY_RPC, UNAVAILABLE)
    faults.slow("Ping", 1e-9)

    assert await _outcomes(faults, "Ping", 2) == ["UNAVAILABLE: * was told to fail"] * 2
    faults.clear()
    assert await _outcomes(faults, "Ping", 1) == ["fine"]


async def test_calls_wait_at_a_gate() -> None:
    faults = Faults()

    with faults.hold("Ping"):
        held = asyncio.ensure_future(faults.before("Ping"))
        given_up = asyncio.ensure_future(faults.before("Ping"))
        await faults.before("Heartbeat")
        assert not held.done()
        given_up.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await given_up
        assert not held.done()

    async with asyncio.timeout(5):
        await held


async def test_a_slow_call_can_be_given_up() -> None:
    faults = Faults()
    faults.slow("Ping", 3600)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await faults.before("Ping")


NO_RPC = r"no RPC 'Hartbeat'\. Did you mean 'Heartbeat'\?"


def test_a_fault_of_an_rpc_that_does_not_exist_is_refused() -> None:
    faults = Faults()

    with pytest.raises(ValueError, match=NO_RPC):
        faults.slow("Hartbeat", 1)
    with pytest.raises(ValueError, match=NO_RPC):
        faults.fail("Hartbeat", UNAVAILABLE)
    with pytest.raises(ValueError, match=NO_RPC), faults.hold("Hartbeat"):
        pass
