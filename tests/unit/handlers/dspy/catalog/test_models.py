from __future__ import annotations

from typing import Any

import dspy
import jsonschema  # type: ignore[import-untyped]  # it ships no types
import msgspec
import pytest

from snakepit_bridge.handlers.dspy.catalog import models as catalog_models
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.models.options import LMOptions
from snakepit_bridge.handlers.dspy.secrets import Secrets
from snakepit_bridge.handlers.dspy.signature_text import SignatureText
from snakepit_bridge.handlers.dspy.signatures.signature_data import SignatureMaker
from snakepit_bridge.handlers.dspy.workbench import Workbench
from snakepit_bridge.session.instances import InstanceManager
from tests.unit.handlers.dspy.workshop import CANARY


def models(**parts: Any) -> dict[str, Any]:
    return catalog_models.models_of(Workbench(InstanceManager(), **parts))


def test_models_are_named_as_they_are_read() -> None:
    forms = {each["form"]: each["example"] for each in models()["forms"]}

    assert list(forms) == ["PROVIDER/NAME", "offline", "host/NAME"]
    assert forms["host/NAME"].startswith("host/")


def test_the_options_are_those_that_are_read() -> None:
    options = models()["options"]

    for given in ({"model": "offline"}, {"model": "openai/x", "stop": ["a"], "seed": 1}):
        msgspec.convert(given, LMOptions)
        jsonschema.validate(given, options)
    for given in ({}, {"model": "offline", "temprature": 0.5}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(given, LMOptions)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(given, options)


def test_keys_are_told_by_name_alone() -> None:
    secrets = Secrets({"OPENAI_API_KEY": CANARY, "HOME": "/root"})

    found = models(secrets=secrets)

    assert found["keys"] == ["env:OPENAI_API_KEY"]
    assert CANARY not in str(found)
    assert models()["keys"] == []


def test_models_tell_whether_answers_are_kept() -> None:
    door = DSPyDoor(cache_dir="/kept")  # never opened: DSPy's cache belongs to the whole process

    assert models(door=door)["cache"] is True
    assert models()["cache"] is False


def test_the_types_of_signatures_are_those_that_get_through() -> None:
    def refuse(name: str) -> object:
        raise AssertionError(name)

    check = SignatureText(refuse).check
    found = catalog_models.signatures_of(["dspy.Image"])

    assert found["types"][-1] == "dspy.Image"
    for name in found["types"][:-1]:
        check(f"a: {name} -> b")


def test_the_examples_of_signatures_work() -> None:
    workbench = Workbench(InstanceManager())
    check, find = SignatureText(workbench.allow.find).check, workbench.allow.find
    maker = SignatureMaker(workbench.door, check, find)

    for each in catalog_models.SIGNATURE_FORMS:
        example: Any = each["example"]
        if isinstance(example, str):
            check(example)
            assert dspy.Signature(example).output_fields
        else:
            made: Any = maker.made(example)
            assert made.instructions == example["instructions"]
