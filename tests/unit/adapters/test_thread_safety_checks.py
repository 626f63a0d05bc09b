from __future__ import annotations

import io
import sqlite3
import threading

import pytest

from snakepit_bridge.adapters.base import BaseAdapter
from snakepit_bridge.adapters.thread_safety import ThreadSafetyChecker
from snakepit_bridge.adapters.thread_safety_checks import (
    check_common_pitfalls,
    check_thread_safe,
    print_thread_safety_report,
    require_thread_safe_adapter,
    validate_adapter_thread_safety,
)
from snakepit_bridge.adapters.threaded import ThreadSafeAdapter
from tests.unit.adapters.together import another_thread_inside

# What adapters of this module use.
CONNECT = sqlite3.connect


class Careless(BaseAdapter):
    shared: list[str] = []  # noqa: RUF012  (the case)

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()


class Refusing(BaseAdapter):
    __thread_safe__ = False


class Careful(ThreadSafeAdapter):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()


# --- decorators --------------------------------------------------------------------------------


def test_a_checked_method_reports_to_the_checker_in_force() -> None:
    class Counter:
        @check_thread_safe
        def count(self) -> int:
            return 1

    counter = Counter()

    with ThreadSafetyChecker() as checker:
        assert counter.count() == 1
    assert counter.count() == 1

    assert checker.get_report()["total_methods_tracked"] == 1
    (thread,) = checker.get_report()["thread_utilization"].items()
    assert thread == (threading.current_thread().name, 1)


def test_an_adapter_that_says_it_is_not_thread_safe_is_refused() -> None:
    @require_thread_safe_adapter
    def use(adapter: BaseAdapter, *, times: int) -> str:
        return f"{type(adapter).__name__} {times}"

    assert use(Careful(), times=2) == "Careful 2"
    assert use(Careless(), times=2) == "Careless 2"
    with pytest.raises(ValueError, match="adapter Refusing declares itself not thread-safe"):
        use(Refusing(), times=2)
    with (
        ThreadSafetyChecker(),
        pytest.warns(RuntimeWarning, match="adapter Careless does not declare thread safety"),
    ):
        use(Careless(), times=2)


# --- questions ---------------------------------------------------------------------------------


def test_a_class_is_thread_safe_when_it_says_so() -> None:
    assert validate_adapter_thread_safety(Careful)
    assert not validate_adapter_thread_safety(Careless)
    with (
        ThreadSafetyChecker(strict_mode=True),
        pytest.raises(ValueError, match="adapter Careless is not thread-safe: it lacks __thr"),
    ):
        validate_adapter_thread_safety(Careless)


def test_pitfalls_are_found_in_the_class_the_object_its_module() -> None:
    assert check_common_pitfalls(Careless()) == [
        "Careless does not declare __thread_safe__ = True",
        "Careless shares the list 'shared' between all its objects",
        "Careless has no lock for 'seen'",
        "Careless uses sqlite3: a connection belongs to one thread: keep one for each",
    ]


def test_an_adapter_with_a_lock_has_the_pitfalls_of_its_module_only() -> None:
    (pitfall,) = check_common_pitfalls(Careful())

    assert pitfall.startswith("Careful uses sqlite3")


def test_a_class_without_a_module_has_no_libraries() -> None:
    made = type("Made", (), {"__module__": "nowhere", "__slots__": (), "__thread_safe__": True})

    assert check_common_pitfalls(made()) == []


# --- the report --------------------------------------------------------------------------------


def test_the_report_is_written_for_people() -> None:
    text = io.StringIO()

    with ThreadSafetyChecker() as checker:
        with (
            another_thread_inside(checker, "count"),
            pytest.warns(RuntimeWarning, match="'count'"),
        ):
            checker.check_method_access("count")
        with pytest.warns(RuntimeWarning, match="pandas"):
            checker.check_library_safety("pandas")
        print_thread_safety_report(text)

    lines = text.getvalue().splitlines()
    assert lines[0] == "Thread safety report"
    assert lines[1].startswith("  checking: on, for ")
    assert "  methods: 1" in lines
    assert "    count: 2" in lines
    assert text.getvalue().count("pandas") == 2


@pytest.mark.parametrize(
    ("checker", "mode"),
    [
        (ThreadSafetyChecker(enabled=False), "off"),
        (ThreadSafetyChecker(strict_mode=True), "strict"),
    ],
)
def test_the_report_goes_to_standard_output(
    checker: ThreadSafetyChecker, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with checker:
        print_thread_safety_report()

    assert f"  checking: {mode}, for " in capsys.readouterr().out
