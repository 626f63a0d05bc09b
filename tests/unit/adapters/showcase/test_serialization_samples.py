"""What arrives is judged by the JSON the worker writes with its default settings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from snakepit_bridge.adapters.showcase.serialization_samples import (
    HugeSparseMatrix,
    OpenConnection,
    serialization_samples,
)
from snakepit_bridge.values.fallback import TYPE_KEY, UNSERIALIZABLE_KEY, Fallback
from snakepit_bridge.values.json.writer import JsonWriter

KINDS = ["datetime", "custom", "convertible", "mixed_list", "complex"]


def _arrived(demo_type: str) -> Any:
    return json.loads(JsonWriter(Fallback()).write(serialization_samples(demo_type)))


def _is_marker(value: Any, kind: str) -> bool:
    return (
        isinstance(value, dict)
        and value[UNSERIALIZABLE_KEY] is True
        and str(value[TYPE_KEY]).endswith(kind)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_sample_comes_alone(kind: str) -> None:
    answer = serialization_samples(kind)
    key = {"custom": "custom_class_demo"}.get(kind, f"{kind}_demo")

    assert answer.keys() == {"demo_type", "description", key}
    assert answer["demo_type"] == kind


def test_all_kinds_come_together() -> None:
    assert serialization_samples("all").keys() == {
        "demo_type",
        "description",
        "datetime_demo",
        "custom_class_demo",
        "convertible_demo",
        "mixed_list_demo",
        "complex_demo",
    }


def test_no_other_kind_is_known() -> None:
    with pytest.raises(ValueError, match=r"'dates'.*datetime, custom"):
        serialization_samples("dates")


def test_dates_and_times_arrive_as_text() -> None:
    assert _arrived("datetime")["datetime_demo"] == {
        "naive": "2026-01-11T10:30:00",
        "utc": "2026-01-11T10:30:00+00:00",
        "two_hours_east": "2026-01-11T12:30:00+02:00",
        "date": "2026-01-11",
        "time": "10:30:00",
    }


def test_an_object_without_a_plain_form_arrives_as_a_marker_that_shows_nothing() -> None:
    arrived = _arrived("custom")["custom_class_demo"]

    assert _is_marker(arrived["connection"], "OpenConnection")
    assert arrived["beside_it"] == "arrives unharmed"
    assert "password" in repr(OpenConnection())
    assert "password" not in json.dumps(arrived)


def test_objects_that_know_a_plain_form_arrive_in_it() -> None:
    arrived = _arrived("convertible")["convertible_demo"]

    assert arrived["model_dump"]["item"] == "tea"
    assert arrived["to_dict"] == {"left": [1, 2], "right": [3, 4]}
    assert arrived["_asdict"] == {"x": 1.0, "y": 2.0}
    assert arrived["tolist"] == [0.5, 1.5, 2.5]
    assert arrived["isoformat"] == "2026-W02"
    assert arrived["second_try"] == {"decided": "after all"}
    assert _is_marker(arrived["too_large"], "HugeSparseMatrix")


def test_the_matrix_cannot_be_made_a_list() -> None:
    with pytest.raises(MemoryError):
        HugeSparseMatrix().tolist()


def test_each_element_of_a_list_arrives_in_its_own_way() -> None:
    arrived = _arrived("mixed_list")["mixed_list_demo"]

    assert arrived[:6] == [1, "two", 3.5, None, True, "2026-01-11"]
    assert _is_marker(arrived[6], "OpenConnection")
    assert _is_marker(arrived[7], "builtins.set")
    assert arrived[8] == [0.5, 1.5, 2.5]


def test_objects_deep_inside_arrive_as_others_do() -> None:
    arrived = _arrived("complex")["complex_demo"]

    assert arrived["users"][0]["since"] == "2026-01-11T00:00:00+00:00"
    assert _is_marker(arrived["users"][1]["connections"][1], "OpenConnection")
    assert arrived["tuple"] == [1, [2, [3]]]
