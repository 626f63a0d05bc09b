from __future__ import annotations

import math
import threading
from contextvars import copy_context

import pytest

from snakepit_bridge.adapters.showcase.pause import is_abandoned, pause
from snakepit_bridge.engine.job import Execution
from snakepit_bridge.session.context import current_execution
from tests.unit.adapters.showcase.request import abandoned_command, new_command


@pytest.mark.parametrize("seconds", [0, -1.5])
def test_no_time_is_no_pause(seconds: float) -> None:
    with abandoned_command():
        pause(seconds)


def test_a_pause_outside_of_commands_comes_to_its_end() -> None:
    pause(0.001)


def test_the_next_pause_is_not_ended_by_a_command_that_has_ended_its_own() -> None:
    command = new_command()
    token = current_execution.set(command)
    pause(0.001)
    current_execution.reset(token)

    command.cancel()  # nobody is left to be told

    assert command.cancelled


@pytest.mark.parametrize("seconds", [3600, 10**12, math.inf])
def test_a_command_that_nobody_waits_for_makes_no_pause(seconds: float) -> None:
    with abandoned_command():
        pause(seconds)


def test_a_pause_ends_with_its_command() -> None:
    command = new_command()
    thread = threading.Thread(target=copy_context().run, args=(_pause_in, command), daemon=True)
    thread.start()

    command.cancel()

    thread.join(5)
    assert not thread.is_alive()


def test_a_command_is_abandoned_once_it_is_cancelled() -> None:
    command = new_command()
    seen = copy_context().run(_look_twice, command)

    assert seen == (False, True)


def test_nothing_is_abandoned_outside_of_commands() -> None:
    assert not is_abandoned()


def _pause_in(command: Execution) -> None:
    current_execution.set(command)
    pause(3600)


def _look_twice(command: Execution) -> tuple[bool, bool]:
    current_execution.set(command)
    before = is_abandoned()
    command.cancel()
    return before, is_abandoned()
