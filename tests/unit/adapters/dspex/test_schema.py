from __future__ import annotations

import json
from typing import Any

import dspy
import pytest

from tests.unit.adapters.dspex.scene import Worker


def discovered(path: str) -> Any:
    answer = Worker().call("discover_dspy_schema", module_path=path)
    assert answer["success"], answer
    assert answer["module_path"] == path
    assert answer["discovered_count"] == len(answer["schema"])
    assert json.loads(json.dumps(answer)) == answer
    return answer["schema"]


def test_dspy_itself_is_described_by_default() -> None:
    answer = Worker().call("discover_dspy_schema")

    assert answer["module_path"] == "dspy"
    assert {"Predict", "ChainOfThought", "ReAct", "Signature"} <= answer["schema"].keys()


def test_a_class_is_described_with_its_methods() -> None:
    predict = discovered("dspy")["Predict"]

    assert predict.keys() == {"type", "docstring", "methods", "module"}
    assert predict["type"] == "class"
    assert predict["module"] == "dspy.predict.predict"
    assert {"__init__", "__call__", "forward", "__repr__"} <= predict["methods"].keys()
    assert not [name for name in predict["methods"] if name.startswith("_") and "__" not in name]
    assert predict["methods"]["reset"] == {
        "signature": "(self)",
        "parameters": [{"name": "self"}],
        "docstring": predict["methods"]["reset"]["docstring"],
    }


def test_a_function_is_described_with_its_parameters() -> None:
    schema = discovered("dspy")["make_signature"]

    assert schema["type"] == "function"
    assert schema["module"] == "dspy.signatures.signature"
    by_name = {each["name"]: each for each in schema["parameters"]}
    assert "default" not in by_name["signature"]
    assert by_name["instructions"]["default"] == "None"
    assert "str" in by_name["instructions"]["type"]


def test_only_what_may_be_used_is_told() -> None:
    schema = discovered("dspy")

    assert not {"LM", "RLM", "configure", "ProgramOfThought", "Parallel"} & schema.keys()


def test_an_inner_module_is_described() -> None:
    assert "EM" in discovered("dspy.evaluate")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("dspy.Predict", "'dspy.Predict' is no module."),
        ("dspy.nowhere", "'dspy.nowhere' does not exist"),
        ("dspy.clients", "outside of what is allowed"),
        ("subprocess", "outside of what is allowed"),
        ("", "is not the dotted name"),
    ],
)
def test_what_is_no_module_to_be_used_is_refused(path: str, error: str) -> None:
    answer = Worker().call("discover_dspy_schema", module_path=path)

    assert answer["success"] is False
    assert error in answer["error"]
    assert answer["module_path"] == path


def test_what_cannot_be_inspected_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dspy.make_signature, "__signature__", "none at all", raising=False)
    monkeypatch.setattr(dspy.Predict.reset, "__signature__", "none at all", raising=False)

    schema = discovered("dspy")

    assert "make_signature" not in schema
    assert "reset" not in schema["Predict"]["methods"]
