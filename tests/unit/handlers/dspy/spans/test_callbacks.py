from __future__ import annotations

import asyncio
import copy
import threading
from typing import Any

import dspy
import pytest
from opentelemetry import trace

from snakepit_bridge.handlers.dspy.offline import offline_lm
from snakepit_bridge.handlers.dspy.spans.instruments import Instruments
from snakepit_bridge.handlers.dspy.spans.step_events import StepEvents
from snakepit_bridge.handlers.dspy.spans.steps import MOST_OPEN, Kind, Step, Steps
from tests.unit.handlers.dspy.observed import Observed
from tests.unit.handlers.dspy.workshop import CANARY


def search(query: str) -> str:
    """Looks things up."""
    return f"found {query}"


def broken(query: str) -> str:
    """Never finds anything."""
    raise LookupError(f"no {query} with {CANARY}")


def agent(*tools: Any) -> Any:
    return dspy.ReAct("question -> answer", tools=list(tools or [search]))


def calling(tool: str, **args: Any) -> Any:
    """A model that calls a tool, then says it is done, then answers."""
    return offline_lm(
        [
            {"next_thought": "t", "next_tool_name": tool, "next_tool_args": args},
            {"next_thought": "t", "next_tool_name": "finish", "next_tool_args": {}},
            {"answer": "42"},
        ]
    )


def kinds(observed: Observed) -> list[str]:
    return [each["event"] for each in observed.events]


# --- whether there is anything to do ------------------------------------------------------------


def test_where_nobody_listens_dspy_has_nothing_to_call() -> None:
    observed = Observed(follows=False)
    observed.instruments = Instruments()  # a process without an SDK

    assert observed.callbacks() == []


def test_one_callback_serves_spans_and_events() -> None:
    assert len(Observed().callbacks()) == 1
    assert len(Observed(follows=False).callbacks()) == 1


def test_a_follower_is_told_where_no_sdk_is() -> None:
    observed = Observed()
    observed.instruments = Instruments()

    with observed.command(offline_lm([{"answer": "42"}])):
        dspy.Predict("question -> answer")(question="?")

    assert kinds(observed) == ["status", "lm", "lm"]


def test_callbacks_of_the_process_are_kept_and_those_of_a_command_around_are_not() -> None:
    class Own(dspy.utils.callback.BaseCallback):  # type: ignore[misc]  # dspy ships no types
        pass

    own, observed = Own(), Observed()
    with dspy.context(callbacks=[own]):
        outer = observed.callbacks()
        with dspy.context(callbacks=outer):
            inner = observed.callbacks()

    assert outer[0] is inner[0] is own
    assert len(outer) == len(inner) == 2
    assert outer[1] is not inner[1]


def test_copies_tell_the_same_follower() -> None:
    (callback,) = Observed().callbacks()

    assert copy.deepcopy(callback) is callback


# --- events -------------------------------------------------------------------------------------


def test_a_follower_hears_of_models_and_tools_in_order() -> None:
    observed = Observed()

    with observed.command(calling("search", query="life")):
        agent()(question="?")

    tool = [each for each in observed.events if each["event"].startswith("tool_")]
    assert tool == [
        {"event": "tool_call", "tool": "search", "args": {"query": "life"}, "id": tool[0]["id"]},
        {"event": "tool_result", "tool": "search", "id": tool[0]["id"], "result": "found life"},
    ]
    assert [each["message"] for each in observed.events if each["event"] == "status"] == [
        "Asking offline",
        "Calling the tool search",
        "Asking offline",
        "Asking offline",
    ]
    asked = [each for each in observed.events if each["event"] == "lm"]
    assert [each["phase"] for each in asked] == ["start", "end"] * 3
    assert all(each["model"] == "offline" for each in asked)
    assert all(each["duration_ms"] >= 0 for each in asked if each["phase"] == "end")


async def test_a_follower_hears_the_same_from_code_on_a_loop() -> None:
    observed = Observed()

    with observed.command(calling("search", query="life")):
        await agent().acall(question="?")

    assert kinds(observed) == [
        *("status", "lm", "lm", "status", "tool_call", "tool_result"),
        *("status", "lm", "lm", "status", "lm", "lm"),
    ]


def test_how_an_agent_says_that_it_is_done_is_no_tool() -> None:
    observed = Observed()

    with observed.command(calling("search", query="x")):
        agent()(question="?")

    assert "finish" not in observed.everything()


def test_how_a_newer_agent_says_that_it_is_done_is_no_tool_either() -> None:
    observed = Observed()
    submit = dspy.ReActV2("question -> answer", tools=[search]).tools["submit"]

    with observed.command(offline_lm()):
        submit(answer="42")

    assert observed.events == []


def test_a_tool_of_the_callers_may_be_called_finish() -> None:
    observed = Observed()
    tool = dspy.Tool(search, name="finish")

    with observed.command(offline_lm()):
        tool(query="x")

    assert observed.events[1]["tool"] == "finish"


def test_a_tool_that_fails_is_told_with_its_error_and_without_secrets() -> None:
    observed = Observed()

    with observed.command(calling("broken", query="x"), CANARY):
        agent(broken)(question="?")

    (result,) = [each for each in observed.events if each["event"] == "tool_result"]
    assert result["error"] == "LookupError: no x with ***"
    assert "result" not in result


def test_secrets_in_arguments_and_values_of_tools_are_not_told() -> None:
    observed = Observed(capture_content=True)

    with observed.command(calling("search", query=CANARY), CANARY):
        agent()(question=CANARY)

    assert CANARY not in observed.everything()
    assert "found ***" in repr(observed.events)


def test_evaluating_and_optimizing_are_told_in_words() -> None:
    observed = Observed()
    examples = [dspy.Example(question="?", answer="42").with_inputs("question")] * 3
    program = dspy.Predict("question -> answer")

    with observed.command(offline_lm([{"answer": "42"}])):
        right = dspy.evaluate.answer_exact_match
        dspy.Evaluate(devset=examples, metric=right, display_progress=False)(program)
        dspy.LabeledFewShot(k=1).compile(program, trainset=examples)

    said = [each["message"] for each in observed.events if each["event"] == "status"]
    assert said[0] == "Evaluating 3 examples"
    assert said[-1] == "Optimizing with LabeledFewShot"


def test_examples_that_are_given_with_the_call_are_counted() -> None:
    observed = Observed()
    step = Step(Kind.EVALUATE, "1", object(), {"devset": [1, 2]})
    unknown = Step(Kind.EVALUATE, "2", object(), {})

    for each in (step, unknown):
        StepEvents(observed.run.tell).began(each)

    assert [each["message"] for each in observed.events] == ["Evaluating 2 examples", "Evaluating"]


# --- steps that go wrong ------------------------------------------------------------------------


class Kept:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def began(self, step: Step) -> None:
        self.heard.append(("began", step.call_id))

    def ended(self, step: Step, outputs: Any, exception: BaseException | None) -> None:
        self.heard.append(("ended", step.call_id))


def test_steps_that_never_end_do_not_pile_up_without_limit() -> None:
    kept = Kept()
    steps = Steps([kept])

    for number in range(MOST_OPEN + 1):
        steps.begin(Step(Kind.TOOL, str(number), object(), {}), parent_id=None)
    steps.end(str(MOST_OPEN), None, None)
    steps.end("0", None, None)
    steps.begin(Step(Kind.TOOL, "new", object(), {}), parent_id=None)

    assert len(kept.heard) == MOST_OPEN + 2
    assert kept.heard[-2:] == [("ended", "0"), ("began", "new")]


def test_an_end_without_a_beginning_is_nothing() -> None:
    kept = Kept()

    Steps([kept]).end("unknown", None, None)

    assert kept.heard == []


# --- threads and loops --------------------------------------------------------------------------


def test_what_threads_of_dspys_own_do_is_told_below_what_started_them() -> None:
    observed = Observed()
    together = threading.Barrier(4)

    def meet(question: str) -> str:
        together.wait(timeout=5)
        return question

    tool = dspy.Tool(meet)

    class Asks(dspy.Module):  # type: ignore[misc]  # dspy ships no types
        def forward(self, question: str) -> Any:
            return dspy.Prediction(answer=tool(question=question))

    examples = [dspy.Example(question=str(each)).with_inputs("question") for each in range(4)]
    with observed.command(offline_lm()):
        dspy.Evaluate(
            devset=examples, metric=lambda *_: 1.0, num_threads=4, display_progress=False
        )(Asks())

    tools = [each for each in observed.spans if each.name == "execute_tool meet"]
    assert [observed.path(each) for each in tools] == [
        "command > dspy.evaluate > dspy.module Asks > execute_tool meet"
    ] * 4
    assert kinds(observed).count("tool_result") == 4


async def test_programs_that_run_side_by_side_on_a_loop_keep_their_steps_apart() -> None:
    observed = Observed()
    both = asyncio.Barrier(2)

    async def meet(query: str) -> str:
        await both.wait()
        return query

    with observed.command(calling("meet", query="x")):
        tool = dspy.Tool(meet)
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(agent_of(tool))

    modules = [each for each in observed.spans if each.name == "dspy.module Asks"]
    tools = [each for each in observed.spans if each.name == "execute_tool meet"]
    assert {each.parent.span_id for each in tools if each.parent} == {
        each.context.span_id for each in modules if each.context
    }


async def agent_of(tool: Any) -> None:
    class Asks(dspy.Module):  # type: ignore[misc]  # dspy ships no types
        async def aforward(self) -> Any:
            return dspy.Prediction(answer=await tool.acall(query="x"))

    await Asks().acall()


async def test_a_cancelled_step_ends_its_span() -> None:
    observed = Observed()
    inside = asyncio.Event()

    async def wait() -> None:
        inside.set()
        await asyncio.Event().wait()

    with observed.command(offline_lm()):
        task = asyncio.create_task(dspy.Tool(wait).acall())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert observed.attributes("execute_tool wait")["error.type"] == "CancelledError"


def test_nothing_is_current_any_more_once_a_command_has_ended() -> None:
    observed = Observed()

    with observed.command(calling("search", query="x")):
        command = trace.get_current_span()
        agent()(question="?")
        assert trace.get_current_span() is command

    assert trace.get_current_span() is trace.INVALID_SPAN
