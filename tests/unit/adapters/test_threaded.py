from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from snakepit_bridge.adapters.base import BaseAdapter
from snakepit_bridge.adapters.threaded import (
    ExampleThreadSafeAdapter,
    ThreadLocalStorage,
    ThreadSafeAdapter,
    require_thread_safe,
    thread_safe_method,
    validate_thread_safety,
)
from snakepit_bridge.adapters.tools import tool, tools_of


class Forgetful(ThreadSafeAdapter):
    def __init__(self, size: int = 1) -> None:
        self.size = size

    @thread_safe_method
    @tool("Below")
    def below(self) -> dict[str, Any]:
        return self.get_stats()

    @tool("Above")
    @thread_safe_method
    def above(self) -> dict[str, Any]:
        return self.get_stats()

    @thread_safe_method
    def fail(self) -> None:
        text = "no"
        raise ValueError(text)

    @thread_safe_method
    def items(self) -> Iterator[int]:
        yield self.get_stats()["tracker"]["total_active_requests"]
        yield 2


# --- storage -----------------------------------------------------------------------------------


def test_each_thread_has_values_of_its_own() -> None:
    storage = ThreadLocalStorage()
    storage.set("key", "mine")

    with ThreadPoolExecutor(1) as pool:
        elsewhere = pool.submit(storage.get, "key", "nothing").result(5)

    assert (storage.get("key"), elsewhere) == ("mine", "nothing")
    assert storage.get("other") is None


def test_values_are_forgotten_one_by_one_or_all_together() -> None:
    adapter = Forgetful()
    for key in ("a", "b", "c"):
        adapter.set_thread_local(key, key.upper())

    adapter.clear_thread_local("a")
    adapter.clear_thread_local("never set")
    assert [adapter.get_thread_local(key) for key in "abc"] == [None, "B", "C"]

    adapter.clear_thread_local()
    assert adapter.get_thread_local("b", "default") == "default"


def test_two_adapters_share_no_values() -> None:
    one, other = Forgetful(), Forgetful()

    one.set_thread_local("key", 1)

    assert other.get_thread_local("key") is None


# --- the adapter -------------------------------------------------------------------------------


def test_a_constructor_may_forget_ours_and_take_arguments() -> None:
    adapter = Forgetful(size=3)

    assert adapter.size == 3
    assert adapter.get_stats() == {
        "adapter_class": "Forgetful",
        "thread_safe": True,
        "tracker": {
            "total_requests": 0,
            "active_threads": 0,
            "total_active_requests": 0,
            "threads_seen": 0,
        },
    }


def test_the_lock_keeps_other_threads_out_but_not_its_own() -> None:
    adapter = Forgetful()
    inside = threading.Event()
    steps: list[str] = []

    def other() -> None:
        inside.wait(5)
        with adapter.acquire_lock():
            steps.append("other")

    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(other)
        with adapter.acquire_lock(), adapter.acquire_lock():
            inside.set()
            steps.append("mine")
        call.result(5)

    assert steps == ["mine", "other"]


def test_requests_are_counted_by_hand_too() -> None:
    adapter = Forgetful()

    with adapter.track_request("by hand") as number:
        assert number == 1

    assert adapter.get_stats()["tracker"]["total_requests"] == 1


@pytest.mark.defect("D25")
def test_callers_do_not_reach_what_the_base_class_is_made_of() -> None:
    for name in ("acquire_lock", "get_stats", "set_thread_local", "track_request"):
        with pytest.raises(AttributeError, match=f"^Tool '{name}' not found in Forgetful"):
            Forgetful().call_tool(name)


# --- thread_safe_method ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["above", "below"])
def test_a_call_is_counted_while_it_runs_in_either_order_of_decorators(name: str) -> None:
    adapter = Forgetful()

    stats = adapter.execute_tool(name, {}, None)

    assert stats["tracker"]["total_active_requests"] == 1
    assert adapter.get_stats()["tracker"]["total_active_requests"] == 0
    assert tools_of(Forgetful)[name].description == name.capitalize()
    assert getattr(Forgetful, name).__thread_safe__ is True


def test_an_iterator_counts_until_its_end() -> None:
    adapter = Forgetful()

    assert list(adapter.items()) == [1, 2]
    assert adapter.get_stats()["tracker"]["total_active_requests"] == 0


def test_how_long_a_call_took_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "snakepit_bridge.adapters.threaded"):
        Forgetful().above()

    (record,) = caplog.records
    assert record.getMessage().startswith("Forgetful.above took 0.")


def test_a_failure_is_logged_on_its_way_to_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    adapter = Forgetful()

    with pytest.raises(ValueError, match="no"):
        adapter.fail()

    (record,) = caplog.records
    assert record.getMessage().startswith("Forgetful.fail failed after 0.")
    assert record.exc_info is not None
    assert adapter.get_stats()["tracker"]["total_active_requests"] == 0


def test_an_iterator_that_is_left_early_did_not_fail(caplog: pytest.LogCaptureFixture) -> None:
    items = Forgetful().items()
    next(items)

    items.close()  # type: ignore[attr-defined]  # a generator

    assert caplog.records == []


def test_methods_of_other_classes_run_as_they_are() -> None:
    class Plain:
        @thread_safe_method
        def run(self) -> str:
            return "ran"

        @staticmethod
        @thread_safe_method
        def fixed() -> str:
            return "fixed"

    assert Plain().run() == "ran"
    assert Plain.fixed() == "fixed"
    assert vars(Plain.run)["__thread_safe__"] is True


# --- declarations ------------------------------------------------------------------------------


def test_a_class_declares_itself_thread_safe() -> None:
    class Careless(ThreadSafeAdapter):
        __thread_safe__ = False

    assert validate_thread_safety(ThreadSafeAdapter)
    assert not validate_thread_safety(Careless)
    assert not validate_thread_safety(BaseAdapter)


def test_a_function_may_take_thread_safe_adapters_only() -> None:
    @require_thread_safe
    def use(adapter: BaseAdapter, *, times: int) -> str:
        return f"{type(adapter).__name__} {times}"

    assert use(Forgetful(), times=2) == "Forgetful 2"
    with pytest.raises(ValueError, match=r"^BaseAdapter is not declared thread-safe: set __thr"):
        use(BaseAdapter(), times=2)


# --- the example -------------------------------------------------------------------------------


@pytest.mark.defect("D26")
def test_the_example_shares_its_count_between_threads() -> None:
    adapter = ExampleThreadSafeAdapter()

    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(adapter.execute_tool, "count", {}, None) for _ in range(40)]
        counts = sorted(call.result(5) for call in calls)

    assert counts == list(range(1, 41))
    assert ExampleThreadSafeAdapter.adapter_lifetime == "process"


def test_the_example_remembers_the_last_square() -> None:
    adapter = ExampleThreadSafeAdapter()

    assert adapter.square(3.0) == {"square": 9.0, "cached": False}
    assert adapter.square(3.0) == {"square": 9.0, "cached": True}
    assert adapter.square(4.0) == {"square": 16.0, "cached": False}
    assert adapter.square(3.0) == {"square": 9.0, "cached": False}
