from __future__ import annotations

import warnings
from typing import Any

import dspy
import pytest

from snakepit_bridge.handlers.dspy.offline import offline_lm
from snakepit_bridge.handlers.dspy.signatures.field_names import TAKEN, TAKEN_BY_CALLS, why_not


def use(name: str, *, is_input: bool) -> None:
    """Do with a field of this name what DSPy's modules and optimizers do; raises if that fails."""
    field = dspy.InputField() if is_input else dspy.OutputField()
    fields = {
        name: (str, field),
        "question": (str, dspy.InputField()),
        "a": (str, dspy.OutputField()),
    }
    with warnings.catch_warnings():
        # pydantic warns of names that its classes have, too; DSPy asks these classes alone.
        warnings.filterwarnings("ignore", message="Field name.*shadows")
        signature = dspy.Signature(fields, "Do.")
        for changed in (
            signature.with_instructions("x"),
            signature.append("z", dspy.OutputField()),
        ):
            assert changed.instructions
            assert name in changed.fields
        program = dspy.ChainOfThought(signature)
    inputs = {"question": "?", **({name: 3} if is_input else {})}
    with dspy.context(lm=offline_lm()):
        answer = program(**inputs)
    if not is_input:
        assert "Offline" in answer[name]
    demo = dspy.Example(**{**dict(answer.items()), **inputs})
    assert demo.with_inputs(*inputs).inputs().toDict() == inputs
    assert name in demo.toDict()


def breaks(name: str, *, is_input: bool) -> bool:
    try:
        use(name, is_input=is_input)
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
        return True
    return False


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_names_that_are_taken_do_break(name: str) -> None:
    assert breaks(name, is_input=True)
    assert breaks(name, is_input=False)
    assert why_not(name, is_input=True) == why_not(name, is_input=False) != ""


@pytest.mark.parametrize("name", sorted(TAKEN_BY_CALLS))
def test_names_that_a_call_uses_break_as_inputs_alone(name: str) -> None:
    assert breaks(name, is_input=True)
    assert why_not(name, is_input=True)
    use(name, is_input=False)
    assert not why_not(name, is_input=False)


def test_all_other_names_of_dspys_classes_work() -> None:
    classes: list[Any] = [dspy.Signature, type(dspy.Signature), dspy.Prediction, dspy.Predict]
    names = {name for each in classes for name in dir(each) if not name.startswith("_")}
    free = sorted(names - TAKEN - TAKEN_BY_CALLS)

    assert [name for name in free if breaks(name, is_input=False)] == []
    assert [name for name in free if breaks(name, is_input=True)] == []
    assert not any(why_not(name, is_input=True) for name in free)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a b", "is no name"),
        ("", "is no name"),
        ("class", "is no name"),
        (3, "is no name"),
        ("_hidden", "say 'hidden'"),
        ("dspy_uuid", "'dspy_'"),
        ("x" * 101, "101 characters"),
        ("signature", "say 'the_signature'"),
    ],
)
def test_a_name_that_cannot_be_is_answered_with_the_reason(name: Any, why: str) -> None:
    assert why in why_not(name, is_input=False)


@pytest.mark.parametrize("name", ["question", "größe", "copy", "schema", "items", "model_name"])
def test_ordinary_names_pass(name: str) -> None:
    assert why_not(name, is_input=True) == ""
