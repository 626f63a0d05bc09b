from __future__ import annotations

import threading
from typing import Any

import pytest

from snakepit_bridge.errors import CommandCancelledError
from snakepit_bridge.session.context import current_execution
from tests.unit.adapters.dspex.scene import Worker, offline_worker


def test_inputs_may_be_json_text() -> None:
    worker = offline_worker({"answer": "42"})
    worker.call("create_program", name="p", signature_name="question -> answer")

    answer = worker.call("execute_program", name="p", inputs='{"question": "?"}')

    assert answer == {"success": True, "result": {"answer": "42"}}


def test_a_program_takes_the_place_of_another_of_its_name() -> None:
    worker = offline_worker({"b": "1", "d": "2"})
    worker.call("create_program", name="p", signature_name="a -> b")
    worker.call("create_program", name="p", signature_name="c -> d", something="ignored")

    assert worker.call("execute_program", name="p", inputs={"c": "?"})["result"] == {"d": "2"}
    assert worker.call("list_programs") == {"programs": ["p"]}


def test_a_missing_input_is_named() -> None:
    worker = offline_worker()
    worker.call("create_program", name="p", signature_name="a, c -> b")

    answer = worker.call("execute_program", name="p", inputs={"a": "?"})

    assert "missing 'c'" in answer["error"]


def test_what_is_no_program_is_not_executed() -> None:
    worker = offline_worker()
    worker.call("store_object", name="data", data=[1])

    answer = worker.call("execute_program", name="data", inputs={})

    assert answer["error"] == "'data' is no program, but of type 'list'."


def test_an_answer_of_the_model_that_does_not_fit_comes_with_a_traceback() -> None:
    worker = offline_worker("no fields at all")
    worker.call("create_program", name="p", signature_name="a -> b: int")

    answer = worker.call("execute_program", name="p", inputs={"a": "?"})

    assert answer["success"] is False
    assert "does not hold the fields b" in answer["error"]
    assert "Traceback" in answer["traceback"]


# --- agents ---------------------------------------------------------------------------------------


def agent(worker: Worker) -> Any:
    worker.call("create_program", name="a", program_type="react", signature_name="goal -> answer")
    return worker.call("execute_program", name="a", inputs={"goal": "cats"})


def step(tool: str, **args: Any) -> dict[str, Any]:
    return {"next_thought": "on", "next_tool_name": tool, "next_tool_args": args}


def test_an_agent_calls_the_registered_tools_of_elixir() -> None:
    worker = offline_worker(step("search", query="cats"), step("finish"), {"answer": "two"})
    worker.offer("search", lambda query: f"found {query}")
    worker.call(
        "register_elixir_tool",
        name="search",
        function="Search.run/1",
        description="Finds things.",
        parameters=[{"name": "query", "type": "string", "description": "What to find."}],
    )

    result = agent(worker)["result"]

    assert result["answer"] == "two"
    assert result["trajectory"]["observation_0"] == "found cats"


def test_an_agent_does_not_see_tools_that_are_kept_from_python() -> None:
    worker = offline_worker(step("search", query="cats"), step("finish"), {"answer": "none"})
    worker.offer("search", lambda query: f"found {query}")
    worker.call("register_elixir_tool", name="search", exposed_to_python=False)

    result = agent(worker)["result"]

    assert "found cats" not in str(result["trajectory"])


def test_an_agent_without_tools_ends_all_the_same() -> None:
    assert agent(offline_worker(step("finish"), {"answer": "done"}))["result"]["answer"] == "done"


# --- its end --------------------------------------------------------------------------------------


class Cancelled:
    """A command whose caller has gone."""

    command = "execute_program"
    metadata: dict[str, str] = {}  # noqa: RUF012  (as the protocol has it)
    cancelled = True
    deadline = None
    remaining_s = None

    def __init__(self) -> None:
        self.answer_metadata: dict[str, str] = {}

    def on_cancel(self, told: Any) -> Any:
        told()
        return lambda: None


def test_a_cancelled_call_ends_instead_of_answering() -> None:
    worker = offline_worker({"b": "1"})
    worker.call("create_program", name="p", signature_name="a -> b")
    raised: list[BaseException] = []

    def work() -> None:
        current_execution.set(Cancelled())
        with pytest.raises(CommandCancelledError) as caught:
            worker.call("execute_program", name="p", inputs={"a": "?"})
        raised.append(caught.value)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=30)

    assert len(raised) == 1
