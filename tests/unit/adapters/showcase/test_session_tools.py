from __future__ import annotations

import os
import threading
from datetime import datetime

import pytest

from snakepit_bridge.adapters.showcase.session_tools import SessionTools
from tests.unit.adapters.showcase.request import Request

ADA, EVE = Request("ada"), Request("eve")


@pytest.fixture
def tools() -> SessionTools:
    return SessionTools()


def test_a_session_begins_with_where_it_lives(tools: SessionTools) -> None:
    answer = tools.init_session(ADA, user="Ada", any_option=1)

    assert answer.keys() == {"timestamp", "worker_pid", "session_id"}
    assert (answer["worker_pid"], answer["session_id"]) == (os.getpid(), "ada")
    assert datetime.fromisoformat(answer["timestamp"]).tzinfo is not None


def test_a_counter_starts_at_0(tools: SessionTools) -> None:
    assert tools.get_counter(ADA) == {"value": 0}


def test_a_counter_counts_on_from_where_it_was_set(tools: SessionTools) -> None:
    assert tools.set_counter(ADA, value=41) == {"value": 41}
    assert tools.increment_counter(ADA) == {"value": 42}
    assert tools.get_counter(ADA) == {"value": 42}


def test_each_session_has_its_own_counter(tools: SessionTools) -> None:
    tools.increment_counter(ADA)

    assert tools.get_counter(EVE) == {"value": 0}


def test_the_worker_tells_which_one_it_is(tools: SessionTools) -> None:
    assert tools.get_worker_info(ADA, call_number=3) == {
        "worker_pid": str(os.getpid()),
        "call_number": 3,
        "session_id": "ada",
    }


def test_a_session_ends_with_how_much_it_did(tools: SessionTools) -> None:
    tools.init_session(ADA)
    tools.increment_counter(ADA)
    tools.get_worker_info(ADA, call_number=1)

    answer = tools.cleanup(ADA)

    assert answer.keys() == {"duration_ms", "command_count"}
    assert answer["command_count"] == 2
    assert answer["duration_ms"] >= 0
    assert tools.get_counter(ADA) == {"value": 0}


def test_a_session_that_never_began_did_nothing(tools: SessionTools) -> None:
    assert tools.cleanup(ADA) == {"duration_ms": 0.0, "command_count": 0}


def test_a_session_begins_anew(tools: SessionTools) -> None:
    tools.set_counter(ADA, value=5)

    tools.init_session(ADA)

    assert tools.get_counter(ADA) == {"value": 0}


def test_a_session_can_be_forgotten(tools: SessionTools) -> None:
    tools.set_counter(ADA, value=5)

    tools.forget("ada")
    tools.forget("nobody")

    assert tools.get_counter(ADA) == {"value": 0}


@pytest.mark.defect("D53")
def test_the_session_that_was_not_used_for_longest_is_forgotten() -> None:
    tools = SessionTools(most_sessions=2)
    tools.set_counter(ADA, value=1)
    tools.set_counter(EVE, value=2)
    tools.get_counter(ADA)

    tools.set_counter(Request("kim"), value=3)

    assert tools.get_counter(ADA) == {"value": 1}
    assert tools.get_counter(EVE) == {"value": 0}


def test_no_step_is_lost_between_threads(tools: SessionTools) -> None:
    all_there = threading.Barrier(4)

    def count() -> None:
        all_there.wait(5)
        for _ in range(500):
            tools.increment_counter(ADA)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert tools.get_counter(ADA) == {"value": 2000}
