from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context

import pytest

from snakepit_bridge.adapters.logging_config import (
    SnakepitLines,
    configure_logging,
    get_logger,
    log_without_waiting,
)
from snakepit_bridge.telemetry.correlation import set_correlation_id

OURS = "snakepit_bridge.adapters.logging_config"


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    """The root logger, which is afterwards as it was before."""
    logger = logging.getLogger()
    loggers = [logger, logging.getLogger("grpc"), logging.getLogger("urllib3")]
    before = [(each, each.level) for each in loggers]
    yield logger
    for each, level in before:
        each.setLevel(level)
    for handler in [each for each in logger.handlers if type(each).__module__ == OURS]:
        logger.removeHandler(handler)


@contextmanager
def as_in_a_fresh_process(root: logging.Logger) -> Iterator[None]:
    """Nobody has given the log a place, pytest included."""
    handlers, root.handlers = root.handlers, []
    try:
        yield
    finally:
        root.handlers = handlers


def configured(monkeypatch: pytest.MonkeyPatch, level: str | None) -> None:
    if level is None:
        monkeypatch.delenv("SNAKEPIT_LOG_LEVEL", raising=False)
    else:
        monkeypatch.setenv("SNAKEPIT_LOG_LEVEL", level)
    configure_logging(force=True)


# --- levels ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "least"),
    [
        (None, logging.ERROR),
        ("", logging.ERROR),
        ("debug", logging.DEBUG),
        (" Info ", logging.INFO),
        ("warning", logging.WARNING),
        ("warn", logging.WARNING),
        ("error", logging.ERROR),
        ("critical", logging.CRITICAL),
    ],
)
def test_the_environment_says_from_which_level_up_lines_are_written(
    level: str | None,
    least: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    configured(monkeypatch, level)

    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        get_logger("test").log(number, "level %d", number)

    levels = [int(number) for number in re.findall(r"level (\d+)", capsys.readouterr().err)]
    assert levels == [number for number in (10, 20, 30, 40, 50) if number >= least]


def test_none_switches_the_log_off_even_for_loggers_with_a_level_of_their_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configured(monkeypatch, "none")

    get_logger("test").critical("not this")
    logging.getLogger("grpc").critical("nor this")

    assert not get_logger("test").isEnabledFor(logging.CRITICAL)
    assert capsys.readouterr().err == ""


def test_an_unknown_level_is_told_and_means_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configured(monkeypatch, "loud")

    assert logging.getLogger().level == logging.ERROR
    assert "SNAKEPIT_LOG_LEVEL is 'loud'; expected one of debug, info" in capsys.readouterr().err


def test_noisy_libraries_write_their_warnings_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configured(monkeypatch, "debug")

    for name in ("grpc._channel", "urllib3.connectionpool"):
        logging.getLogger(name).info("%s chatted", name)
        logging.getLogger(name).warning("%s warned", name)

    assert re.findall(r"\] (\S+ \w+)$", capsys.readouterr().err, re.MULTILINE) == [
        "grpc._channel warned",
        "urllib3.connectionpool warned",
    ]


# --- places ------------------------------------------------------------------------------------


def test_lines_go_to_what_is_standard_error_when_they_are_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    configured(monkeypatch, "info")
    monkeypatch.undo()

    get_logger("test").info("here")

    captured = capsys.readouterr()
    assert "here" in captured.err
    assert captured.out == ""


def test_configuring_again_happens_by_force_only(
    monkeypatch: pytest.MonkeyPatch, root: logging.Logger
) -> None:
    with as_in_a_fresh_process(root):
        monkeypatch.setenv("SNAKEPIT_LOG_LEVEL", "info")
        configure_logging()
        (first,) = root.handlers

        monkeypatch.setenv("SNAKEPIT_LOG_LEVEL", "debug")
        configure_logging()
        assert root.handlers == [first]
        assert root.level == logging.INFO

        configure_logging(force=True)
        (second,) = root.handlers
        assert second is not first
        assert root.level == logging.DEBUG


def test_a_place_that_somebody_else_has_given_stays(root: logging.Logger) -> None:
    theirs = logging.NullHandler()

    with as_in_a_fresh_process(root):
        root.addHandler(theirs)
        configure_logging()
        assert root.handlers == [theirs]

        configure_logging(force=True)
        assert len(root.handlers) == 2
        assert theirs in root.handlers


# --- lines -------------------------------------------------------------------------------------


def test_a_line_has_snakepits_form(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configured(monkeypatch, "info")

    def say() -> None:
        set_correlation_id("abc")
        get_logger("snakepit_bridge.worker.run").info("%s", "ready")

    thread = threading.Thread(target=copy_context().run, args=(say,), name="MainLoop")
    thread.start()
    thread.join(5)
    logging.getLogger("theirs").info("hello")

    first, second = capsys.readouterr().err.splitlines()
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    assert re.fullmatch(
        time + r" - \[MainLoop\] - snakepit\.bridge\.worker\.run - INFO - \[corr=abc\] ready", first
    )
    assert re.fullmatch(time + r" - \[MainThread\] - theirs - INFO - \[corr=-\] hello", second)


def record(name: str = "snakepit_bridge.adapters.base", **more: object) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.INFO, __file__, 1, "told", None, None)
    vars(made).update(more)
    return made


def test_our_own_loggers_are_shown_as_snakepits_and_the_record_stays_as_it_is() -> None:
    ours = record()

    line = SnakepitLines().format(ours)

    assert " - snakepit.bridge.adapters.base - INFO - " in line
    assert ours.name == "snakepit_bridge.adapters.base"
    assert not hasattr(ours, "correlation_id")


def test_a_record_that_knows_its_correlation_id_keeps_it() -> None:
    assert "[corr=xyz] told" in SnakepitLines().format(record(correlation_id="xyz"))


def test_the_traceback_of_a_tool_follows_its_line() -> None:
    lines = SnakepitLines().format(record(foreign_traceback="Traceback\nOSError: no\n"))

    assert lines.endswith("[corr=-] told\nTraceback\nOSError: no")


# --- threads that others rely on ----------------------------------------------------------------


def test_a_thread_that_must_not_wait_writes_while_another_one_waits_for_a_reader(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def hurry() -> None:
        log_without_waiting()
        root.error("from the hurried %s", "thread")
        root.error("a text without a place", "for this")
        root.info("unimportant")

    thread = threading.Thread(target=hurry)
    with as_in_a_fresh_process(root):
        configured(monkeypatch, "error")
        root.handlers[0].acquire()  # as whoever writes to a pipe that is full
        thread.start()
        thread.join(5)
        root.handlers[0].release()

        assert not thread.is_alive()
    said = capfd.readouterr().err
    assert said.endswith("[corr=-] from the hurried thread\n")
    assert said.count("\n") == 1


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "logger"),
    [
        ("snakepit", "snakepit"),
        ("snakepit.grpc_server", "snakepit.grpc_server"),
        ("snakepit_bridge", "snakepit.bridge"),
        ("snakepit_bridge.worker.run", "snakepit.bridge.worker.run"),
        ("snakepit_bridge_extra", "snakepit.snakepit_bridge_extra"),
        ("my_adapter", "snakepit.my_adapter"),
        ("snakepitty", "snakepit.snakepitty"),
    ],
)
def test_every_logger_is_below_snakepit(name: str, logger: str) -> None:
    assert get_logger(name).name == logger
