from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from snakepit_bridge.errors import CommandCancelledError
from snakepit_bridge.session.embedded_host import EmbeddedHost
from tests.unit.adapters.dspex.scene import Worker, offline_worker

ASKED = {"signature": "question -> answer", "question": "?"}


class Noting:
    """A tool that notes what it is told, and always answers the same."""

    def __init__(self, answer: Any) -> None:
        self.told: list[dict[str, Any]] = []
        self._answer = answer

    def __call__(self, **arguments: Any) -> Any:
        self.told.append(arguments)
        return self._answer


def raising(error: BaseException) -> Any:
    def tool(**_: Any) -> Any:
        raise error

    return tool


def worker() -> Worker:
    return offline_worker({"reasoning": "So it is.", "answer": "42"})


# --- enhanced_predict -----------------------------------------------------------------------------


def test_elixir_checks_the_signature_and_transforms_the_result() -> None:
    one = worker()
    checked = Noting({"valid": True})
    one.offer("validate_signature", checked)
    one.offer(
        "transform_result",
        lambda result, format: {"transformed_result": {"was": result, "as": format}},  # noqa: A006
    )

    answer = one.call("enhanced_predict", **ASKED)

    assert checked.told == [{"signature": "question -> answer"}]
    assert answer == {
        "success": True,
        "result": {"was": {"answer": "42"}, "as": "prediction_data"},
        "type": "enhanced_predict",
    }


@pytest.mark.parametrize(
    ("checked", "why"),
    [
        ({"valid": False, "error": "too short"}, "too short"),
        ({"valid": False, "errors": ["a", "b"]}, "['a', 'b']"),
        ({"valid": False}, "it gave no reason"),
    ],
)
def test_a_signature_that_elixir_refuses_is_not_asked(checked: Any, why: str) -> None:
    one = worker()
    one.offer("validate_signature", lambda **_: checked)

    answer = one.call("enhanced_predict", **ASKED)

    assert answer["success"] is False
    assert answer["error"] == f"Elixir refused the signature 'question -> answer': {why}."


@pytest.mark.parametrize("transform", [None, raising(LookupError("no"))])
def test_without_a_transformation_the_prediction_is_answered_as_it_is(transform: Any) -> None:
    one = worker()
    one.offer("validate_signature", lambda **_: {"valid": True})
    if transform is not None:
        one.offer("transform_result", transform)

    assert one.call("enhanced_predict", **ASKED) == {
        "success": True,
        "result": {"answer": "42"},
        "type": "predict",
    }


def test_a_transformation_without_a_result_changes_nothing() -> None:
    one = worker()
    one.offer("validate_signature", lambda **_: True)
    one.offer("transform_result", lambda **_: "well")

    answer = one.call("enhanced_predict", **ASKED)

    assert answer["result"] == {"answer": "42"}
    assert answer["type"] == "enhanced_predict"


# --- enhanced_chain_of_thought --------------------------------------------------------------------


def test_elixir_judges_the_reasoning_and_formats_the_result() -> None:
    one = worker()
    judge, writer = Noting({"valid": True}), Noting("formatted")
    one.offer("validate_reasoning", judge)
    one.offer("process_template", writer)

    answer = one.call("enhanced_chain_of_thought", **ASKED, domain="physics")

    assert judge.told == [{"reasoning": "So it is.", "domain": "physics"}]
    assert writer.told == [
        {
            "template": "Reasoning: {{reasoning}}\nAnswer: {{answer}}",
            "variables": {
                "question": "?",
                "domain": "physics",
                "reasoning": "So it is.",
                "answer": "42",
            },
        },
    ]
    assert answer == {
        "success": True,
        "result": {"reasoning": "So it is.", "answer": "42"},
        "elixir_validation": {"valid": True},
        "formatted_output": "formatted",
        "type": "enhanced_chain_of_thought",
    }


def test_a_failing_tool_costs_no_result() -> None:
    one = worker()
    one.offer("validate_reasoning", raising(LookupError("no judge")))

    answer = one.call("enhanced_chain_of_thought", **ASKED)

    assert answer["success"] is True
    assert answer["type"] == "chain_of_thought"
    assert "no judge" in answer["elixir_validation"]["error"]


# --- both -----------------------------------------------------------------------------------------


def test_a_stored_signature_will_do_and_nothing_is_left_behind() -> None:
    one = worker()
    one.call("create_signature", name="qa", inputs=["question"], outputs=["answer"])

    answer = one.call("enhanced_predict", signature="qa", question="?")

    assert answer["result"] == {"answer": "42"}
    assert one.workbench.instances.count("one") == 1


class LeavingHost(EmbeddedHost):
    """A host whose caller goes while one of its tools runs."""

    def __init__(self, leaving: str) -> None:
        super().__init__()
        self._leaving = leaving

    def call_tool(self, *, session_id: str, tool_name: str, args: Mapping[str, Any]) -> Any:
        if tool_name == self._leaving:
            raise CommandCancelledError("The caller is gone.")
        return super().call_tool(session_id=session_id, tool_name=tool_name, args=args)


@pytest.mark.parametrize(
    ("name", "tool"),
    [
        ("enhanced_predict", "validate_signature"),
        ("enhanced_predict", "transform_result"),
        ("enhanced_chain_of_thought", "validate_reasoning"),
    ],
)
def test_a_call_whose_caller_has_gone_ends_instead_of_going_on(name: str, tool: str) -> None:
    one = offline_worker({"reasoning": "So it is.", "answer": "42"}, host=LeavingHost(tool))
    one.offer("validate_signature", lambda **_: {"valid": True})

    with pytest.raises(CommandCancelledError):
        one.call(name, **ASKED)


# --- names of inputs ------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", ["enhanced_predict", "enhanced_chain_of_thought"])
def test_an_input_may_be_called_session(tool: str) -> None:
    one = worker()
    sent = {"signature": "session -> answer", "session": "the first"}

    answer = one.adapter.execute_tool(tool, sent, one.context())

    assert answer["success"] is True
    assert answer["result"]["answer"] == "42"


def test_an_input_called_self_is_dspys_to_refuse() -> None:
    one = worker()
    sent = {"signature": "self -> answer", "self": "me"}

    answer = one.adapter.execute_tool("enhanced_predict", sent, one.context())

    assert "'self' is unknown" not in answer["error"]
    assert "'self'" in answer["error"]


def test_a_domain_that_is_an_input_goes_to_the_program_too() -> None:
    one = worker()
    judge = Noting({"valid": True})
    one.offer("validate_reasoning", judge)

    answer = one.call(
        "enhanced_chain_of_thought",
        signature="domain, question -> answer",
        question="?",
        domain="x",
    )

    assert answer["success"] is True
    assert judge.told[0]["domain"] == "x"
