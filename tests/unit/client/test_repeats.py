from __future__ import annotations

import pytest

from snakepit_bridge.client.deadline import Deadline
from snakepit_bridge.client.repeats import Repeats
from snakepit_bridge.errors import HandlerFailedError, PoolFullError
from snakepit_bridge.transport.envelope import Envelope
from tests.unit.client.scripted import failed_reply

ENVELOPE = Envelope(command="demo.run", timeout_s=5)
BUSY = failed_reply(PoolFullError("Busy."))


async def test_the_first_envelope_is_the_call_itself() -> None:
    assert Repeats(ENVELOPE, Deadline("demo.run", 5), limit=0).envelope is ENVELOPE


async def test_the_next_envelope_has_the_time_that_is_left() -> None:
    repeats = Repeats(ENVELOPE, Deadline("demo.run", 4), limit=1)

    await repeats.prepare(BUSY)

    assert repeats.envelope.command == "demo.run"
    assert repeats.envelope.timeout_s is not None
    assert repeats.envelope.timeout_s <= 4


async def test_a_call_without_a_deadline_has_none_the_next_time() -> None:
    repeats = Repeats(Envelope(command="demo.run"), Deadline("demo.run", None), limit=1)

    await repeats.prepare(BUSY)

    assert repeats.envelope.timeout_s is None


async def test_the_failure_is_raised_once_the_limit_is_reached() -> None:
    repeats = Repeats(ENVELOPE, Deadline("demo.run", 5), limit=1)
    await repeats.prepare(BUSY)

    with pytest.raises(PoolFullError):
        await repeats.prepare(BUSY)


async def test_a_failure_of_code_that_ran_is_raised() -> None:
    repeats = Repeats(ENVELOPE, Deadline("demo.run", 5), limit=1)

    with pytest.raises(HandlerFailedError):
        await repeats.prepare(failed_reply(HandlerFailedError("Broke.")))


async def test_a_retry_of_a_call_that_is_late_is_not_begun() -> None:
    repeats = Repeats(ENVELOPE, Deadline("demo.run", -1), limit=1)

    with pytest.raises(PoolFullError):
        await repeats.prepare(BUSY)
