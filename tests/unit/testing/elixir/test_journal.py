from __future__ import annotations

import asyncio
import threading

import pytest

from snakepit_bridge.testing.elixir.journal import Journal


def _journal(*entries: int) -> Journal[int]:
    journal: Journal[int] = Journal("number")
    for entry in entries:
        journal.append(entry)
    return journal


def test_a_journal_is_a_sequence() -> None:
    journal = _journal(1, 2, 3)

    assert (len(journal), journal[0], journal[-1], journal[1:]) == (3, 1, 3, [2, 3])
    assert list(journal) == [1, 2, 3]
    assert repr(journal) == "<Journal of 3 numbers>"
    assert journal.matching(lambda number: number > 1) == [2, 3]


def test_what_has_come_already_is_not_waited_for() -> None:
    journal = _journal(1, 2, 3, 4)

    assert journal.wait_for(lambda number: number % 2 == 0) == 2
    assert journal.wait_for(lambda number: number % 2 == 0, count=2) == 4


def test_what_comes_from_another_thread_wakes_who_waits() -> None:
    journal = _journal(1)
    begun = threading.Event()

    def is_two(number: int) -> bool:
        begun.set()
        return number == 2

    def append() -> None:
        assert begun.wait(5)
        journal.append(2)

    thread = threading.Thread(target=append)
    thread.start()

    assert journal.wait_for(is_two) == 2
    thread.join(5)


async def test_a_loop_goes_on_while_its_task_waits() -> None:
    journal = _journal()
    arrival = asyncio.ensure_future(journal.arrival(lambda number: number == 7))

    journal.append(7)

    async with asyncio.timeout(5):
        assert await arrival == 7


def test_what_does_not_come_is_missed() -> None:
    with pytest.raises(TimeoutError, match="1 of 2 came"):
        _journal(1, 2, 3).wait_for(lambda number: number == 2, count=2, timeout_s=0.0)


def test_a_cleared_journal_begins_anew() -> None:
    journal = _journal(1)

    journal.clear()
    journal.append(2)

    assert journal.wait_for(bool) == 2
