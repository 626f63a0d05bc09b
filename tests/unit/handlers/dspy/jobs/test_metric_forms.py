from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.jobs.metric_forms import (
    FieldMetric,
    NamedMetric,
    ToolMetric,
    metric_form,
)
from snakepit_bridge.values.tag_objects import HostFunction


@pytest.mark.parametrize(
    ("sent", "form"),
    [
        ("judge", ToolMetric(tool="judge")),
        ("check-answer", ToolMetric(tool="check-answer")),
        ("dspy.evaluate.answer_exact_match", NamedMetric(name="dspy.evaluate.answer_exact_match")),
        ("semanticf1-0123456789abcdef", NamedMetric(name="semanticf1-0123456789abcdef")),
        ({"field": "answer"}, FieldMetric(field="answer")),
        ({"field": "a", "normalize": True}, FieldMetric(field="a", normalize=True)),
        (
            {"tool": "judge", "on_error": "zero", "timeout_s": 2},
            ToolMetric(tool="judge", on_error="zero", timeout_s=2.0),
        ),
        ({"name": "a.b", "on_error": "zero"}, NamedMetric(name="a.b", on_error="zero")),
        ({"__type__": "tool", "name": "judge"}, ToolMetric(tool="judge")),
        (HostFunction(tool="t", callback_id="c"), ToolMetric(tool="t", callback_id="c")),
        (ToolMetric(tool="judge"), ToolMetric(tool="judge")),
    ],
)
def test_a_metric_may_be_written_in_many_ways(sent: Any, form: Any) -> None:
    assert metric_form(sent) == form


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ("", "type 'str'"),
        (None, "type 'NoneType'"),
        ({}, "missing required field `name`"),
        ({"feild": "answer"}, "'feild' .did you mean 'field'"),
        ({"tool": "judge", "timeout": 3}, "did you mean 'timeout_s'"),
        ({"tool": "judge", "on_error": "ignore"}, "Invalid enum value"),
        ({"zzz": 1}, "unknown are 'zzz'"),
        ({"field": 1}, "Expected `str`"),
        ({"tool": "t", "timeout_s": 0}, "> 0.0"),
        ({"tool": "t", "timeout_s": -1}, "> 0.0"),
        ({"tool": "t", "timeout_s": float("nan")}, "timeout_s"),
        ({"tool": "t", "timeout_s": float("inf")}, "<= 86400.0"),
        ("half \ud800", "half a character"),
        ({"tool": "half \ud800"}, "half a character"),
        ({"field": "a", "\ud800": 1}, "half a character"),
        (HostFunction(tool="t", callback_id="\ud800"), "half a character"),
    ],
)
def test_what_is_no_metric_is_refused(sent: Any, why: str) -> None:
    with pytest.raises(InvalidArgumentError, match=why) as caught:
        metric_form(sent)

    assert "{'field': 'answer'}" in caught.value.hint
