from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.engine.pool import ThreadPool
from snakepit_bridge.errors import PoolFullError


def _nothing() -> None:
    """Told when a callable is over, and not interested."""


@contextmanager
def _open_pool(*, max_threads: int, max_queued: int = 1000) -> Iterator[ThreadPool]:
    pool = ThreadPool(max_threads=max_threads, max_queued=max_queued)
    try:
        yield pool
    finally:
        assert pool.close(timeout_s=5) == 0


class Gate:
    """A callable that waits until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self) -> None:
        self.entered.set()
        assert self.opened.wait(5)


@pytest.mark.parametrize(("max_threads", "max_queued"), [(0, 1), (-1, 0), (1, -1)])
def test_impossible_sizes_are_refused(max_threads: int, max_queued: int) -> None:
    with pytest.raises(ValueError, match=f"max_threads={max_threads} .* max_queued={max_queued}"):
        ThreadPool(max_threads=max_threads, max_queued=max_queued)


# --- running ------------------------------------------------------------------------------------


def test_one_thread_runs_what_waits_in_the_order_of_submission() -> None:
    order: list[int] = []
    gate, done = Gate(), threading.Event()

    with _open_pool(max_threads=1) as pool:
        pool.submit("gate", gate, after=_nothing)
        for number in range(5):
            pool.submit(number, partial(order.append, number), after=_nothing)
        pool.submit("last", _nothing, after=done.set)
        gate.opened.set()
        assert done.wait(5)

    assert order == [0, 1, 2, 3, 4]


def test_as_many_run_together_as_there_are_threads() -> None:
    all_inside = threading.Barrier(4, timeout=5)
    names: list[str] = []
    over = threading.Semaphore(0)

    def meet() -> None:
        all_inside.wait()
        names.append(threading.current_thread().name)

    with _open_pool(max_threads=4) as pool:
        for number in range(4):
            pool.submit(number, meet, after=over.release)
        for _ in range(4):
            assert over.acquire(timeout=5)

    assert sorted(names) == [f"bridge-job-{number}" for number in range(4)]


def test_no_more_threads_start_than_may_run() -> None:
    names: set[str] = set()
    over = threading.Semaphore(0)

    with _open_pool(max_threads=2) as pool:
        for number in range(50):
            pool.submit(
                number,
                lambda: names.add(threading.current_thread().name),
                after=over.release,
            )
        for _ in range(50):
            assert over.acquire(timeout=5)

    assert names <= {"bridge-job-0", "bridge-job-1"}


def test_whoever_hears_that_one_is_over_may_submit_the_next() -> None:
    """The place was once freed after the answer, so the next command found the pool full."""
    refused: list[PoolFullError] = []
    over = threading.Event()

    with _open_pool(max_threads=1, max_queued=0) as pool:

        def submit(left: int) -> None:
            try:
                pool.submit(left, _nothing, after=lambda: heard(left))
            except PoolFullError as error:
                refused.append(error)
                over.set()

        def heard(left: int) -> None:
            if left == 0:
                over.set()
            else:
                submit(left - 1)

        submit(200)
        assert over.wait(5)

    assert refused == []


def test_what_has_run_is_not_kept_alive_by_its_thread() -> None:
    class Large:
        def __call__(self) -> None:
            """Hold nothing."""

    over = threading.Event()
    large = Large()
    kept = weakref.ref(large)

    with _open_pool(max_threads=1) as pool:
        pool.submit("large", large, after=_nothing)
        pool.submit("next", _nothing, after=over.set)
        assert over.wait(5)
        del large
        gc.collect()

        assert kept() is None


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_thread_survives_whatever_its_callables_raise(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """A thread that died stayed counted, and a pool of dead threads stood still for ever."""
    over = threading.Event()

    def break_the_rule() -> None:
        raise kind

    with caplog.at_level(logging.ERROR), _open_pool(max_threads=1) as pool:
        pool.submit("call", break_the_rule, after=break_the_rule)
        pool.submit("next", _nothing, after=over.set)
        assert over.wait(5)
        assert pool.running == 0

    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [kind, kind]


# --- the queue ----------------------------------------------------------------------------------


def test_a_full_pool_says_how_full_and_when_to_come_back() -> None:
    gate = Gate()

    with _open_pool(max_threads=1, max_queued=2) as pool:
        pool.submit("runs", gate, after=_nothing)
        assert gate.entered.wait(5)
        pool.submit(1, _nothing, after=_nothing)
        pool.submit(2, _nothing, after=_nothing)
        with pytest.raises(PoolFullError) as caught:
            pool.submit(3, _nothing, after=_nothing)
        counted = (pool.running, pool.queued)
        gate.opened.set()

    assert counted == (1, 2)
    assert caught.value.message == "All 1 threads are busy and 2 commands wait."
    assert caught.value.retryable
    assert caught.value.retry_after_s == 1.0
    assert "--max-queued" in caught.value.hint


def test_what_waits_can_be_withdrawn_and_never_runs() -> None:
    gate, ran = Gate(), list[str]()

    with _open_pool(max_threads=1) as pool:
        pool.submit("runs", gate, after=_nothing)
        assert gate.entered.wait(5)
        pool.submit("waits", lambda: ran.append("waits"), after=lambda: ran.append("after"))
        withdrawn = [pool.withdraw("waits"), pool.withdraw("waits"), pool.withdraw("runs")]
        gate.opened.set()

    assert withdrawn == [True, False, False]
    assert ran == []


def test_what_is_withdrawn_makes_room() -> None:
    gate = Gate()

    with _open_pool(max_threads=1, max_queued=1) as pool:
        pool.submit("runs", gate, after=_nothing)
        assert gate.entered.wait(5)
        pool.submit("waits", _nothing, after=_nothing)
        pool.withdraw("waits")
        pool.submit("waits instead", _nothing, after=_nothing)
        gate.opened.set()


@given(moments=st.lists(st.none() | st.integers(0, 30), max_size=100))
def test_everything_runs_or_is_withdrawn_and_nothing_both(moments: list[int | None]) -> None:
    ran: list[int] = []
    over = threading.Semaphore(0)

    with _open_pool(max_threads=3) as pool:
        withdrawn = []
        for number, withdraw in enumerate(moments):
            pool.submit(number, partial(ran.append, number), after=over.release)
            if withdraw is not None and pool.withdraw(withdraw):
                withdrawn.append(withdraw)
        for _ in range(len(moments) - len(withdrawn)):
            assert over.acquire(timeout=5)

    assert sorted(ran + withdrawn) == list(range(len(moments)))


# --- the end ------------------------------------------------------------------------------------


def test_closing_drops_what_waits_and_waits_for_what_runs() -> None:
    gate, ran = Gate(), list[str]()
    pool = ThreadPool(max_threads=1, max_queued=10)
    pool.submit("runs", gate, after=lambda: ran.append("ran"))
    assert gate.entered.wait(5)
    pool.submit("waits", lambda: ran.append("waited"), after=_nothing)

    closing = threading.Thread(target=pool.close, kwargs={"timeout_s": 5})
    closing.start()
    while pool.queued:
        pass
    gate.opened.set()
    closing.join(5)

    assert ran == ["ran"]


def test_closing_tells_how_many_threads_are_left_behind() -> None:
    gate = Gate()
    pool = ThreadPool(max_threads=2, max_queued=0)
    pool.submit("stuck", gate, after=_nothing)
    pool.submit("done", _nothing, after=_nothing)
    assert gate.entered.wait(5)

    left_behind = pool.close(timeout_s=0)
    gate.opened.set()

    assert left_behind >= 1
    assert pool.close(timeout_s=5) == 0


def test_a_closed_pool_takes_nothing() -> None:
    pool = ThreadPool(max_threads=1, max_queued=0)
    pool.close(timeout_s=0)

    with pytest.raises(RuntimeError, match="closed"):
        pool.submit("late", _nothing, after=_nothing)


@given(st.lists(st.sampled_from(["submit", "withdraw"]), max_size=30))
def test_whatever_is_withdrawn_everything_else_runs_once_and_in_order(steps: list[str]) -> None:
    """A thread that was called for something withdrawn takes what came in its place."""
    ran, expected, number = list[int](), list[int](), 0
    with _open_pool(max_threads=1) as pool:
        gate = Gate()
        pool.submit("gate", gate, after=_nothing)
        assert gate.entered.wait(5)
        for step in steps:
            if step == "submit":
                pool.submit(number, partial(ran.append, number), after=_nothing)
                expected.append(number)
                number += 1
            elif expected:
                assert pool.withdraw(expected.pop())
        assert pool.queued == len(expected)
        last = threading.Event()
        pool.submit("last", last.set, after=_nothing)
        gate.opened.set()
        assert last.wait(5)

    assert ran == expected


def test_what_runs_one_after_another_runs_on_one_thread() -> None:
    """Calls in turns once alternated between threads, which sqlite3 and DSPy refuse."""
    with _open_pool(max_threads=3) as pool:
        both_inside = threading.Barrier(2, timeout=5)
        done = [threading.Event(), threading.Event()]

        def meet() -> None:
            both_inside.wait()

        for event in done:
            pool.submit(event, meet, after=event.set)
        assert all(event.wait(5) for event in done)

        seen = set[int]()
        for _ in range(20):
            over = threading.Event()
            pool.submit(over, lambda: seen.add(threading.get_ident()), after=over.set)
            assert over.wait(5)

    assert len(seen) == 1


# --- a system without threads -------------------------------------------------------------------


@contextmanager
def _no_more_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(_: threading.Thread) -> None:
        text = "can't start new thread"
        raise RuntimeError(text)

    with monkeypatch.context() as changed:
        changed.setattr(threading.Thread, "start", refuse)
        yield


def test_what_finds_no_thread_at_all_is_refused_and_never_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was refused, and ran all the same as soon as there was a thread."""
    ran: list[str] = []
    done = threading.Event()

    with _open_pool(max_threads=1) as pool:
        with (
            _no_more_threads(monkeypatch),
            pytest.raises(PoolFullError, match="no thread") as caught,
        ):
            pool.submit("refused", partial(ran.append, "refused"), after=_nothing)
        pool.submit("next", partial(ran.append, "next"), after=done.set)
        assert done.wait(5)

    assert ran == ["next"]
    assert caught.value.retryable


def test_what_finds_no_further_thread_waits_for_one_of_those_that_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate, done = Gate(), threading.Event()

    with _open_pool(max_threads=2) as pool:
        pool.submit("gate", gate, after=_nothing)
        with _no_more_threads(monkeypatch):
            pool.submit("waits", _nothing, after=done.set)
        assert pool.queued
        gate.opened.set()
        assert done.wait(5)
