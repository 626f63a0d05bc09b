from __future__ import annotations

from typing import Any

import pytest

from tests.unit.adapters.dspex.scene import Worker, offline_worker

FIELDS = [{"name": "question", "description": "What to answer."}]
OUTPUTS = [{"name": "answer", "type": "integer"}, {"name": "words", "type": "list[str]"}]


def state(worker: Worker) -> Any:
    """What a program of the stored signature is made of."""
    worker.call("create_program", name="p", signature_name="qa")
    call = {"module_path": "stored.p", "function_name": "dump_state"}
    return worker.call("call_dspy", **call)["result"]["signature"]


def test_names_types_and_descriptions_reach_the_program() -> None:
    worker = offline_worker({"answer": "18", "words": ["nine"]})

    made = worker.call(
        "create_signature", name="qa", inputs=FIELDS, outputs=OUTPUTS, docstring="Add it up."
    )

    assert made["signature_string"] == "question: str -> answer: integer, words: list[str]"
    signature = state(worker)
    assert signature["instructions"] == "Add it up."
    assert signature["fields"][0]["description"] == "What to answer."
    result = worker.call("execute_program", name="p", inputs={"question": "9 + 9?"})["result"]
    assert result == {"answer": 18, "words": ["nine"]}


def test_lists_may_be_json_text() -> None:
    worker = Worker()

    made = worker.call(
        "create_signature", name="qa", inputs='[{"name": "a"}]', outputs='["b"]', docstring=""
    )

    assert made["signature_string"] == "a: str -> b: str"
    assert "Given the fields `a`" in state(worker)["instructions"]


@pytest.mark.parametrize(
    ("said", "value"),
    [("string", "x"), ("boolean", True), ("number", 1.5), ("map", {"k": 1}), ("array", [1])],
)
def test_elixirs_names_of_types_are_understood(said: str, value: Any) -> None:
    worker = offline_worker({"b": value})
    worker.call("create_signature", name="qa", inputs=["a"], outputs=[{"name": "b", "type": said}])
    worker.call("create_program", name="p", signature_name="qa")

    assert worker.call("execute_program", name="p", inputs={"a": "?"})["result"] == {"b": value}


def test_an_unknown_type_is_refused() -> None:
    answer = Worker().call(
        "create_signature", name="qa", inputs=["a"], outputs=[{"name": "b", "type": "text"}]
    )

    assert answer["success"] is False
    assert "'text', which is not known to be a type" in answer["error"]


def test_a_signature_whose_name_is_nearly_right_is_named() -> None:
    worker = Worker()
    worker.call("create_signature", name="question_answer", inputs=["a"], outputs=["b"])

    answer = worker.call("create_program", name="p", signature_name="question_anser")

    assert answer["hint"] == "Did you mean 'question_answer'?"


def test_nothing_but_the_signature_is_kept_of_the_making() -> None:
    worker = Worker()
    for _ in range(3):
        worker.call("create_signature", name="qa", inputs=FIELDS, outputs=OUTPUTS)

    assert worker.workbench.instances.count("one") == 1
