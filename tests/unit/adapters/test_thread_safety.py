from __future__ import annotations

import threading
from collections.abc import Sized

import pytest

from snakepit_bridge.adapters.thread_safety import (
    MOST_METHODS,
    MOST_THREADS,
    MOST_WARNINGS,
    ThreadSafetyChecker,
    disable_checking,
    enable_checking,
    get_global_checker,
)
from tests.unit.adapters.together import another_thread_inside

# --- methods -----------------------------------------------------------------------------------


def test_threads_that_are_inside_together_are_told_once() -> None:
    checker = ThreadSafetyChecker()

    with (
        another_thread_inside(checker, "count"),
        pytest.warns(RuntimeWarning, match="'count' is used by 2 threads at the same time"),
        checker.track_execution("count"),
    ):
        pass
    with another_thread_inside(checker, "count"), checker.track_execution("count"):
        pass

    report = checker.get_report()
    assert report["warnings_issued"] == 1
    assert report["warnings"] == [
        "method 'count' is used by 2 threads at the same time: put a lock around what they share"
    ]
    assert report["concurrent_accesses"] == {"count": 2}
    assert report["recommendations"] == ["put a lock around what threads share in 'count'"]


@pytest.mark.defect("D53")
def test_threads_one_after_the_other_are_not_together() -> None:
    """Two threads once counted as concurrent for ever after they had both used a method."""
    checker = ThreadSafetyChecker(strict_mode=True)

    with another_thread_inside(checker, "count"):
        pass
    with checker.track_execution("count"):
        checker.check_method_access("count")

    report = checker.get_report()
    assert report["concurrent_accesses"] == {}
    assert report["total_threads_seen"] == 2


def test_one_thread_may_enter_a_method_from_itself() -> None:
    checker = ThreadSafetyChecker(strict_mode=True)

    with checker.track_execution("count"), checker.track_execution("count"):
        pass
    with checker.track_execution("count"):
        pass

    assert checker.get_report()["warnings_issued"] == 0


def test_threads_in_other_methods_are_not_together() -> None:
    checker = ThreadSafetyChecker(strict_mode=True)

    with another_thread_inside(checker, "count"), checker.track_execution("sum"):
        pass

    assert checker.get_report()["total_methods_tracked"] == 2


def test_strictly_a_thread_is_kept_from_a_method_each_time() -> None:
    checker = ThreadSafetyChecker(strict_mode=True)

    with another_thread_inside(checker, "count"):
        for _ in range(2):
            with (
                pytest.raises(RuntimeError, match="'count' is used by 2 threads"),
                checker.track_execution("count"),
            ):
                raise NotImplementedError
            with pytest.raises(RuntimeError, match="'count' is used by 2 threads"):
                checker.check_method_access("count")

    assert checker.get_report()["strict_mode"] is True
    # Nobody who was kept out counts as inside.
    checker.check_method_access("count")


# --- libraries ---------------------------------------------------------------------------------


def test_an_unsafe_library_is_told_once() -> None:
    checker = ThreadSafetyChecker()

    with pytest.warns(RuntimeWarning, match="library 'pandas' is not thread-safe"):
        assert not checker.check_library_safety("pandas.core")
    assert not checker.check_library_safety("pandas")
    assert checker.check_library_safety("numpy")

    (recommendation,) = checker.get_report()["recommendations"]
    assert recommendation.startswith("pandas: ")


def test_strictly_an_unsafe_library_is_refused_each_time() -> None:
    checker = ThreadSafetyChecker(strict_mode=True)

    for _ in range(2):
        with pytest.raises(RuntimeError, match="sqlite3"):
            checker.check_library_safety("sqlite3")


def test_the_unsafe_libraries_are_snakepits() -> None:
    assert set(ThreadSafetyChecker.UNSAFE_LIBRARIES) == {"matplotlib", "pandas", "sqlite3"}


# --- report ------------------------------------------------------------------------------------


def test_a_report_has_snakepits_keys() -> None:
    checker = ThreadSafetyChecker()
    checker.check_method_access("count")
    checker.check_method_access("count")

    report = checker.get_report()

    assert report.pop("total_runtime") >= 0
    assert report == {
        "enabled": True,
        "strict_mode": False,
        "warnings_issued": 0,
        "warnings": [],
        "concurrent_accesses": {},
        "total_methods_tracked": 1,
        "total_threads_seen": 1,
        "thread_utilization": {threading.current_thread().name: 2},
        "recommendations": [],
    }


def test_a_checker_that_is_off_sees_nothing() -> None:
    checker = ThreadSafetyChecker(enabled=False)

    with another_thread_inside(checker, "count"), checker.track_execution("count"):
        checker.check_method_access("count")
    assert not checker.check_library_safety("pandas")

    assert checker.get_report()["total_methods_tracked"] == 0
    assert checker.get_report()["warnings_issued"] == 0


def test_a_reset_forgets_everything_even_of_calls_that_run() -> None:
    checker = ThreadSafetyChecker(strict_mode=True)

    with checker.track_execution("count"):
        checker.reset()
        assert checker.get_report()["total_methods_tracked"] == 0

    assert checker.get_report()["total_threads_seen"] == 0


@pytest.mark.defect("D53")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_whatever_callers_make_up_the_tables_stay_small() -> None:
    checker = ThreadSafetyChecker()

    for number in range(MOST_METHODS + 10):
        checker.check_method_access(f"method {number}")
    with another_thread_inside(checker, "one more"), checker.track_execution("yet one more"):
        pass
    for number in range(MOST_WARNINGS + 10):
        method = f"method {number}"
        with another_thread_inside(checker, method), checker.track_execution(method):
            pass

    report = checker.get_report()
    assert report["total_methods_tracked"] == MOST_METHODS + 1
    assert len(report["warnings"]) == MOST_WARNINGS
    assert report["warnings_issued"] == MOST_WARNINGS + 10
    tables = [len(each) for each in vars(checker).values() if isinstance(each, Sized)]
    assert max(tables) == MOST_METHODS + 1


@pytest.mark.defect("D53")
def test_whatever_threads_come_and_go_the_table_of_threads_stays_small() -> None:
    checker = ThreadSafetyChecker()

    for number in range(MOST_THREADS + 10):
        thread = threading.Thread(
            target=checker.check_method_access, args=("count",), name=f"thread {number}"
        )
        thread.start()
        thread.join(5)

    assert checker.get_report()["total_threads_seen"] == MOST_THREADS + 1


# --- the checker in force ----------------------------------------------------------------------


def test_nothing_is_checked_until_somebody_asks_for_it() -> None:
    assert not ThreadSafetyChecker(enabled=False).get_report()["enabled"]
    assert not get_global_checker().enabled


def test_checking_is_switched_on_and_off_for_the_process() -> None:
    with ThreadSafetyChecker(enabled=False):
        checker = enable_checking(strict_mode=True)
        assert get_global_checker() is checker
        assert (checker.enabled, checker.strict_mode) == (True, True)

        disable_checking()
        assert get_global_checker() is checker
        assert not checker.enabled


def test_a_checker_is_in_force_for_a_block() -> None:
    before = get_global_checker()

    with ThreadSafetyChecker() as checker:
        assert get_global_checker() is checker

    assert get_global_checker() is before
