from __future__ import annotations

import secrets
import threading

import pytest

from snakepit_bridge.adapters.dspex.shelf import Shelf, Stored
from snakepit_bridge.errors import InstanceNotFoundError, InvalidArgumentError, QuotaExceededError

THING = Stored(type="int", data=1)
OTHER = Stored(type="int", data=2)


def test_a_thing_takes_the_place_of_another_of_its_name() -> None:
    shelf = Shelf()

    assert shelf.put("a", THING) is None
    assert shelf.put("a", OTHER) is THING
    assert shelf.listed() == [("a", OTHER)]


def test_a_missing_thing_is_an_error_that_names_the_nearest() -> None:
    shelf = Shelf()
    shelf.put("solver", THING)

    with pytest.raises(InstanceNotFoundError, match="Program 'solvr' not found") as caught:
        shelf.find("solvr", kind="Program")

    assert caught.value.hint == "Did you mean 'solver'?"


def test_there_are_as_many_as_there_may_be() -> None:
    shelf = Shelf(limit=2)
    shelf.put("a", THING)
    shelf.put_new("b", THING)

    for put in (shelf.put, shelf.put_new):
        with pytest.raises(QuotaExceededError, match="has 2 stored objects"):
            put("c", THING)
    assert shelf.put("a", OTHER) is THING, "a replacement needs no room"


def test_a_name_has_an_end() -> None:
    with pytest.raises(InvalidArgumentError, match="at most 1000 characters, not 1001"):
        Shelf().put("x" * 1001, THING)


def test_what_is_taken_off_makes_room() -> None:
    shelf = Shelf(limit=1)
    shelf.put("a", THING)

    assert shelf.take("a") is THING
    assert shelf.take("a") is None
    shelf.put("b", OTHER)
    assert shelf.clear() == [OTHER]
    assert not shelf.has("b")


def test_programs_are_listed_by_name() -> None:
    shelf = Shelf()
    shelf.put("data", THING)
    shelf.put("program", Stored(type="Predict", ref="r", is_program=True))

    assert shelf.programs() == ["program"]


def test_a_new_name_is_one_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter([7, 7, 8])
    monkeypatch.setattr(secrets, "randbelow", lambda _: next(numbers))
    shelf = Shelf()

    names = [shelf.put_new("predict", THING) for _ in range(2)]

    assert names == ["predict_000000000007", "predict_000000000008"]


def test_threads_get_names_of_their_own() -> None:
    shelf = Shelf()
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda: names.append(shelf.put_new("p", THING))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)

    assert len(set(names)) == len(shelf.listed()) == 16
