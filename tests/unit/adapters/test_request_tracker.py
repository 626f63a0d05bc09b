from __future__ import annotations

import threading
from collections.abc import Sized
from concurrent.futures import ThreadPoolExecutor

import pytest

from snakepit_bridge.adapters.request_tracker import RequestTracker


def test_requests_are_numbered() -> None:
    tracker = RequestTracker()

    with tracker.track_request() as first, tracker.track_request("second") as second:
        assert (first, second) == (1, 2)
        assert tracker.get_stats() == {
            "total_requests": 2,
            "active_threads": 1,
            "total_active_requests": 2,
            "threads_seen": 1,
        }


def test_a_failed_request_has_ended_too() -> None:
    tracker = RequestTracker()

    with pytest.raises(ZeroDivisionError), tracker.track_request():
        _ = 1 / 0

    assert tracker.get_stats()["total_active_requests"] == 0


def test_threads_are_counted_while_they_are_busy() -> None:
    tracker = RequestTracker()
    all_inside = threading.Barrier(4, timeout=5)
    may_leave = threading.Event()

    def serve() -> None:
        with tracker.track_request():
            all_inside.wait()
            may_leave.wait(5)

    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(serve) for _ in range(3)]
        all_inside.wait()
        busy = tracker.get_stats()
        may_leave.set()
        for call in calls:
            call.result(5)

    assert busy["active_threads"] == busy["total_active_requests"] == busy["threads_seen"] == 3
    assert tracker.get_stats() == {
        "total_requests": 3,
        "active_threads": 0,
        "total_active_requests": 0,
        "threads_seen": 3,
    }


@pytest.mark.defect("D53")
def test_nothing_is_kept_of_threads_that_are_gone() -> None:
    tracker = RequestTracker()

    def serve() -> None:
        with tracker.track_request():
            pass

    for _ in range(50):
        thread = threading.Thread(target=serve)
        thread.start()
        thread.join(5)

    assert tracker.get_stats()["threads_seen"] == 50
    assert [each for each in vars(tracker).values() if isinstance(each, Sized) and each] == []


def test_a_request_may_end_on_another_thread_than_it_began_on() -> None:
    tracker = RequestTracker()
    request = tracker.track_request()
    request.__enter__()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(request.__exit__, None, None, None).result(5)

    assert tracker.get_stats()["active_threads"] == 0
