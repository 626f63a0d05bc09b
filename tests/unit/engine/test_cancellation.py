from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from snakepit_bridge.engine.cancellation import Cancellation


def test_everybody_is_told_once() -> None:
    cancellation, told = Cancellation(), list[str]()
    cancellation.subscribe(lambda: told.append("a"))
    cancellation.subscribe(lambda: told.append("b"))
    assert not cancellation.is_wanted

    cancellation.ask()
    cancellation.ask()

    assert cancellation.is_wanted
    assert told == ["a", "b"]


def test_who_comes_late_is_told_at_once() -> None:
    cancellation, told = Cancellation(), list[str]()
    cancellation.ask()

    cancellation.subscribe(lambda: told.append("late"))()

    assert told == ["late"]


def test_a_subscription_can_be_taken_back_more_than_once() -> None:
    cancellation, told = Cancellation(), list[str]()
    take_back = cancellation.subscribe(lambda: told.append("gone"))

    take_back()
    take_back()
    cancellation.ask()

    assert told == []


def test_nobody_is_missed_who_subscribes_while_it_is_asked_for() -> None:
    for _ in range(50):
        cancellation, told, together = Cancellation(), list[int](), threading.Barrier(5, timeout=5)

        def subscribe(
            number: int,
            cancellation: Cancellation = cancellation,
            told: list[int] = told,
            together: threading.Barrier = together,
        ) -> None:
            together.wait()
            if number:
                cancellation.subscribe(lambda: told.append(number))
            else:
                cancellation.ask()

        with ThreadPoolExecutor(5) as pool:
            list(pool.map(subscribe, range(5)))
        assert sorted(told) == [1, 2, 3, 4]
