from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, NoReturn

from snakepit_bridge.adapters.serialization_news import EVENT, MarkerNews


class Recorded:
    """Keeps the events it is given."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = []

    def __call__(
        self, event: str, measurements: Mapping[str, Any], metadata: Mapping[str, Any]
    ) -> None:
        self.events.append((event, measurements, metadata))

    @property
    def types(self) -> list[str]:
        return [metadata["type"] for _, _, metadata in self.events]


def test_a_type_is_told_of_once() -> None:
    told = Recorded()
    news = MarkerNews(told)

    for _ in range(3):
        news.tell("lib.Client")

    assert told.events == [(EVENT, {"first_seen": 1}, {"type": "lib.Client"})]


def test_too_many_types_are_not_told_of() -> None:
    told = Recorded()
    news = MarkerNews(told)

    for index in range(5):
        news.tell(f"lib.Class{index}", max_types=3)

    assert told.types == ["lib.Class0", "lib.Class1", "lib.Class2"]
    assert news.types == set(told.types)


def test_telemetry_that_fails_costs_nothing() -> None:
    def broken(*_: object) -> NoReturn:
        raise RuntimeError

    MarkerNews(broken).tell("lib.Client")


def test_threads_that_meet_a_type_at_once_tell_of_it_once() -> None:
    told = Recorded()
    news = MarkerNews(told)
    everyone_is_here = Barrier(4, timeout=5)

    def meet(_: int) -> None:
        everyone_is_here.wait()
        for index in range(100):
            news.tell(f"lib.Class{index}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(meet, range(4)))

    assert sorted(told.types) == sorted(f"lib.Class{index}" for index in range(100))
