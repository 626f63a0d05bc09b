from __future__ import annotations

import io
import json
import math
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pytest

from snakepit_bridge.adapters.serialization_json import GracefulJSONEncoder
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.writer import JsonWriter
from tests.ids import shown


class Color(Enum):
    RED = "red"


VALUES = [
    {"a": [1, 2.5, None, True, "hé"]},
    {1: math.nan, None: math.inf},
    (1, (2,)),
    date(2026, 1, 11),
    Color.RED,
    np.arange(3),
    {1, 2},
    2**70,
]


@pytest.mark.defect("D3", "D44")
@pytest.mark.parametrize("value", VALUES, ids=shown)
def test_the_rules_are_those_of_results(value: object) -> None:
    text = json.dumps(value, cls=GracefulJSONEncoder)

    assert json.loads(text) == json.loads(JsonWriter(Fallback()).write(value))


def test_the_options_of_the_standard_library_hold() -> None:
    value = {"b": (1,), "a": "é"}

    assert json.dumps(value, cls=GracefulJSONEncoder) == '{"b": [1], "a": "\\u00e9"}'
    assert (
        json.dumps(
            value,
            cls=GracefulJSONEncoder,
            sort_keys=True,
            ensure_ascii=False,
            separators=(",", ":"),
        )
        == '{"a":"é","b":[1]}'
    )


def test_a_file_gets_the_same_text() -> None:
    file = io.StringIO()

    json.dump({"a": {1}}, file, cls=GracefulJSONEncoder)

    assert file.getvalue() == json.dumps({"a": {1}}, cls=GracefulJSONEncoder)


def test_an_object_may_have_a_simpler_form() -> None:
    class Model:
        def model_dump(self) -> dict[str, Any]:
            return {"weights": np.arange(2)}

    assert json.dumps([Model()], cls=GracefulJSONEncoder) == '[{"weights": [0, 1]}]'
    assert GracefulJSONEncoder().default(Model()).keys() == {"weights"}


def test_a_subclass_may_have_other_ideas() -> None:
    class Exact(GracefulJSONEncoder):
        def default(self, o: Any) -> Any:
            return str(o) if isinstance(o, Decimal) else super().default(o)

    text = json.dumps([Decimal("1.10"), 1j], cls=Exact)

    assert json.loads(text)[0] == "1.10"
    assert json.loads(text)[1]["__type__"] == "builtins.complex"


def test_a_subclass_may_have_another_fallback() -> None:
    class Small(GracefulJSONEncoder):
        fallback = Fallback(max_tolist_elements=2)

    assert "numpy.ndarray" in json.dumps(np.arange(3), cls=Small)


def test_a_value_that_cannot_be_written_is_refused_with_its_place() -> None:
    circle: list[Any] = []
    circle.append(circle)

    with pytest.raises(ValueError, match=r"\$\.a\[0\] contains itself. Return a copy"):
        json.dumps({"a": circle}, cls=GracefulJSONEncoder)
