from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import BridgeError, InvalidArgumentError
from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.dspy.catalog.catalog import KINDS, Catalog
from snakepit_bridge.handlers.dspy.door import DSPyDoor


def catalog(*packages: str, code_execution: bool = False) -> Catalog:
    return Catalog(DSPyDoor(), AllowList(("dspy", *packages), code_execution=code_execution))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code_execution", [False, True])
def test_what_needs_nothing_is_what_the_allow_list_lets_through(
    kind: str, *, code_execution: bool
) -> None:
    allow = AllowList(code_execution=code_execution)
    entries = Catalog(DSPyDoor(), allow).entries_of(kind)

    for entry in entries:
        try:
            allow.find(entry["class_path"])
        except BridgeError:
            assert entry["needs"]
        else:
            assert "needs" not in entry
    assert entries


def test_every_kind_is_told_as_json() -> None:
    for kind in KINDS:
        for entry in catalog().entries_of(kind):
            assert json.loads(json.dumps(entry)) == entry
            assert {"name", "class_path", "summary", "doc", "parameters"} <= entry.keys()


def test_kinds_hold_what_dspy_has() -> None:
    names = catalog().names()

    assert {"Predict", "ChainOfThought", "ReAct", "RLM"} <= set(names["modules"])
    assert {"MIPROv2", "GEPA", "BootstrapFewShot"} <= set(names["optimizers"])
    assert {"ChatAdapter", "JSONAdapter"} <= set(names["adapters"])
    assert {"SemanticF1", "answer_exact_match"} <= set(names["metrics"])
    assert {"Image", "History", "Code"} <= set(names["types"])
    assert not {"Module", "Teleprompter", "Adapter", "Type"} & {
        name for each in names.values() for name in each
    }


def test_what_runs_code_names_the_setting() -> None:
    assert catalog().find("RLM")["needs"] == "--allow-code-execution"
    assert "needs" not in catalog(code_execution=True).find("RLM")


def test_what_lies_outside_names_the_setting() -> None:
    assert catalog().find("Ensemble")["needs"] == "--allow dspy.teleprompt.ensemble"
    assert "methods" not in catalog().find("Ensemble")
    assert "needs" not in catalog("dspy.teleprompt.ensemble").find("Ensemble")


def test_what_goes_away_says_so() -> None:
    entry = catalog(code_execution=True).find("ProgramOfThought")

    assert "deprecated" in entry["deprecated"]
    assert entry["needs"].startswith("Use dspy.RLM")


def test_what_may_change_says_so() -> None:
    assert catalog().find("ReActV2")["experimental"] is True
    assert "experimental" not in catalog().find("Predict")


def test_an_entry_tells_parameters_and_methods() -> None:
    entry = catalog().find("dspy.ReAct")
    parameters = {each["name"]: each for each in entry["parameters"]}
    methods = {each["name"]: each for each in entry["methods"]}

    assert parameters["max_iters"] == {
        "name": "max_iters",
        "required": False,
        "type": "int",
        "schema": {"type": "integer"},
        "default": 20,
        "description": parameters["max_iters"]["description"],
    }
    assert parameters["signature"]["required"] is True
    assert methods["acall"]["async"] is True
    assert methods["__call__"]["async"] is False
    assert "save" not in methods
    assert "load_state" not in methods


def test_types_have_the_schema_of_their_values() -> None:
    assert catalog().find("Image")["schema"]["required"] == ["url"]
    assert catalog().find("Code")["schema"] == {"type": "string"}
    assert catalog().find("History")["class_path"] == "dspy.History"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidArgumentError, match="There is no 'ChainOfThougt'") as caught:
        catalog().find("ChainOfThougt")
    assert caught.value.hint == "Did you mean 'ChainOfThought'?"

    with pytest.raises(InvalidArgumentError, match="among the adapters") as caught:
        catalog().find("Zzz", "adapters")
    assert caught.value.hint == "Leave 'name' out for a list of all."


def test_programs_of_the_operators_own_are_listed() -> None:
    place = "tests.unit.handlers.dspy.state_programs"

    entry = catalog(place).find("Translator", "modules")

    assert entry["class_path"] == f"{place}.Translator"
    assert "needs" not in entry
    assert entry["methods"][0]["name"] == "__call__"
    assert entry["methods"][0]["parameters"][0]["name"] == "text"


def test_a_package_that_is_not_there_has_no_programs() -> None:
    assert catalog("no_such_package").names() == catalog().names()


def test_names_whose_library_is_missing_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("lazy_programs")

    def missing(name: str) -> Any:
        raise ImportError(name)

    module.__getattr__ = missing
    module.__dir__ = lambda: ["Missing", "Here"]
    module.Here = type("Here", (dspy.Module,), {"__module__": "lazy_programs"})
    monkeypatch.setitem(sys.modules, "lazy_programs", module)

    names = catalog("lazy_programs").names()["modules"]

    assert "Here" in names
    assert "Missing" not in names


def test_entries_are_computed_once() -> None:
    one = catalog()

    assert one.entries_of("adapters") is one.entries_of("adapters")
