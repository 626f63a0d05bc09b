from __future__ import annotations

import importlib
import io
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dspy
import pytest

from snakepit_bridge.handlers.dspy.accounts.spending import Ledger
from snakepit_bridge.handlers.dspy.jobs.output import LOGGERS, Output
from snakepit_bridge.handlers.dspy.runs import KEY, Run
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager

BARS: Any = importlib.import_module("tqdm").tqdm  # ships no types


def session() -> Session:
    return SessionManager(EmbeddedHost()).get_or_create("one")


@contextmanager
def job(output: Output, heard: list[str]) -> Iterator[Run]:
    run = Run(session(), Ledger())
    with output.told(run, heard.append), dspy.context(**{KEY: run}):
        yield run


def state() -> list[Any]:
    loggers = [logging.getLogger(name) for name in LOGGERS]
    return [
        *(sys.stdout, sys.stderr, BARS.monitor_interval),
        *((list(each.handlers), each.propagate) for each in loggers),
    ]


def test_what_a_job_prints_is_told_and_printed_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[str] = []
    with job(Output(dspy), heard):
        print("hello")  # noqa: T201  (what this is about)
        sys.stderr.writelines(["two\n", "lines\n"])
        sys.stdout.flush()

    assert heard == ["hello", "two", "lines"]
    assert capfd.readouterr() == ("", "")


def test_what_a_job_logs_is_told_and_written_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[str] = []
    with job(Output(dspy), heard):
        logging.getLogger("dspy.teleprompt").warning("best: %s", 7)
        logging.getLogger("gepa.core").error("no luck")

    assert heard == ["best: 7", "no luck"]
    assert capfd.readouterr() == ("", "")


def test_what_others_print_and_log_goes_where_it_went(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    def other() -> None:
        sys.stdout.write("not of a job\n")
        logging.getLogger("dspy.other").warning("logged by dspy")
        logging.getLogger("gepa.other").warning("logged by gepa")
        logging.getLogger("gepa.other").debug("not worth it")

    with job(Output(dspy), heard):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    out, err = capsys.readouterr()

    assert heard == []
    assert out == "not of a job\n"
    assert "logged by dspy" in err
    assert "logged by gepa" in caplog.text


def test_a_handler_sees_no_less_than_it_wants() -> None:
    logger, stream = logging.getLogger("gepa"), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.ERROR)
    logger.addHandler(handler)
    try:
        with Output(dspy).told(Run(session(), Ledger()), print):
            logger.warning("too little")
            logger.error("enough")
    finally:
        logger.removeHandler(handler)

    assert stream.getvalue() == "enough\n"


def test_jobs_hear_only_themselves() -> None:
    output, first, second = Output(dspy), [""], [""]
    with job(output, first):
        with job(output, second):
            print("second")  # noqa: T201
        print("first")  # noqa: T201

    assert (first, second) == (["", "first"], ["", "second"])


def test_everything_is_as_it_was_in_the_end() -> None:
    before, output = state(), Output(dspy)
    with job(output, []), job(output, []):
        assert state() != before

    assert state() == before


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_everything_is_as_it_was_whoever_ends_first(order: tuple[int, int]) -> None:
    before = state()[:2]
    runs = [Run(session(), Ledger()) for _ in order]
    blocks = [Output(dspy).told(run, print) for run in runs]
    for block in blocks:
        block.__enter__()
    for each in order:
        blocks[each].__exit__(None, None, None)

    assert state()[:2] == before


def test_a_stream_that_was_held_on_to_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with job(Output(dspy), []):
        held = sys.stdout

    held.write("late\n")

    assert capsys.readouterr().out == "late\n"
    assert held.encoding == sys.stdout.encoding


def test_a_progress_bar_is_one_line_and_leaves_no_thread() -> None:
    BARS.monitor_interval = 10
    list(BARS(range(3), file=io.StringIO()))  # starts tqdm's own thread
    heard: list[str] = []
    with job(Output(dspy), heard):
        list(BARS(range(3), mininterval=0))

    assert len(heard) == 1
    assert "3/3" in heard[0]
    assert "tqdm_monitor" not in {thread.name for thread in threading.enumerate()}


def test_a_process_without_a_console_has_jobs_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with job(Output(dspy), []):
        assert sys.stderr is None

    assert sys.stderr is None


def test_what_was_added_meanwhile_stays() -> None:
    logger, handler = logging.getLogger("gepa"), logging.NullHandler()
    with job(Output(dspy), []):
        logger.addHandler(handler)
    kept = handler in logger.handlers
    logger.removeHandler(handler)

    assert kept


def test_streams_are_never_freed_while_somebody_may_print() -> None:
    """Python prints to the stream that was there at the beginning, whatever becomes of it."""
    output, seen = Output(dspy), []
    for _ in range(3):
        with job(output, []):
            seen.append((sys.stdout, sys.stderr))

    assert seen[0][0] is seen[1][0] is seen[2][0]
    assert seen[0][1] is seen[1][1] is seen[2][1]
    assert seen[0][0] is not seen[0][1]


def test_printing_goes_on_while_jobs_come_and_go() -> None:
    output, is_over = Output(dspy), threading.Event()

    def work() -> None:
        while not is_over.is_set():
            with output.told(Run(session(), Ledger()), print):
                pass

    thread = threading.Thread(target=work)
    thread.start()
    for number in range(3000):
        print("some", "words", "of", "another", "thread", number)  # noqa: T201
    is_over.set()
    thread.join()

    assert not hasattr(sys.stdout, "is_retired")


def test_a_stream_below_another_is_not_put_above_it(capsys: pytest.CaptureFixture[str]) -> None:
    output, before = Output(dspy), sys.stdout
    above = io.StringIO()
    with job(output, []):
        held, sys.stdout = sys.stdout, above
    with job(output, []):
        assert sys.stdout is not held
    assert sys.stdout is above
    sys.stdout = held  # as redirect_stdout does in the end
    heard: list[str] = []
    with job(output, heard):
        print("heard")  # noqa: T201
    print("printed")  # noqa: T201

    assert heard == ["heard"]
    assert capsys.readouterr().out == "printed\n"
    assert sys.stdout is before


def test_a_stream_that_was_put_back_is_used_again(capsys: pytest.CaptureFixture[str]) -> None:
    output, before = Output(dspy), sys.stdout
    with job(output, []):
        held = sys.stdout
    sys.stdout = held
    heard: list[str] = []
    with job(output, heard):
        print("heard")  # noqa: T201
    print("printed")  # noqa: T201

    assert heard == ["heard"]
    assert capsys.readouterr().out == "printed\n"
    assert sys.stdout is before
