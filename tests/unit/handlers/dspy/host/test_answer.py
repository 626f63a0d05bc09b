from __future__ import annotations

from typing import Any

import pytest
from dspy import lm15

from snakepit_bridge.handlers.dspy.host.answer import (
    FINISHED,
    MalformedAnswerError,
    answer_from,
    checked_whole,
    response_from,
)
from snakepit_bridge.handlers.dspy.runs import CACHE_HIT_KEY, COST_KEY

REQUEST = lm15.Request(model="host/small", messages=(lm15.Message.user("Hi"),))


def response(value: Any) -> Any:
    return response_from(checked_whole(answer_from(value)), REQUEST, lm15)


def test_a_text_is_an_answer() -> None:
    made = response("Hello")

    assert (made.text, made.model, made.finish_reason) == ("Hello", "host/small", "stop")
    assert (made.usage, made.provider_data) == (lm15.Usage(), None)


def test_everything_that_is_told_is_kept() -> None:
    made = response(
        {
            "text": "Hello",
            "thinking": "Hm.",
            "tool_calls": [{"name": "a", "args": {"x": 1}}, {"id": "i", "name": "b", "args": {}}],
            "finish_reason": "tool_calls",
            "usage": {"input_tokens": 3, "output_tokens": 4, "reasoning_tokens": 1, "other": "x"},
            "cost_usd": 0.5,
            "model": "large",
            "unknown": object(),
        }
    )

    thinking, text, first, second = made.message.parts
    assert (thinking.text, text.text) == ("Hm.", "Hello")
    assert (first.id, first.name, first.input) == ("call_0", "a", {"x": 1})
    assert second.id == "i"
    assert (made.model, made.finish_reason) == ("large", "tool_call")
    assert (made.usage.total_tokens, made.usage.reasoning_tokens) == (7, 1)
    assert made.provider_data == {COST_KEY: 0.5}


def test_an_answer_of_the_hosts_cache_costs_nothing() -> None:
    made = response({"text": "", "cache_hit": True})

    assert made.provider_data == {COST_KEY: 0.0, CACHE_HIT_KEY: True}


def test_calls_of_tools_end_an_answer_that_does_not_say_why_it_ends() -> None:
    made = response({"tool_calls": [{"name": "a", "args": {}}], "text": None})

    assert made.finish_reason == "tool_call"


def test_every_reason_to_end_is_one_of_dspys() -> None:
    assert set(FINISHED.values()) == lm15.FINISH_REASONS


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (None, ["NoneType"]),
        (b"text", ["bytes"]),
        ({}, ["neither 'text' nor 'tool_calls'"]),
        ({"thinking": "Hm."}, ["neither 'text' nor 'tool_calls'"]),
        (
            {
                "text": 7,
                "tool_calls": [{"args": "x"}],
                "finish_reason": "bored",
                "usage": {"input_tokens": -1},
                "cost_usd": float("inf"),
                "model": "",
                "cache_hit": "yes",
            },
            [
                *("'text': ", "'tool_calls': ", "'finish_reason': 'bored' is none of 'stop'"),
                *("'usage': ", "$.input_tokens", "'cost_usd': ", "'model': ", "'cache_hit': "),
            ],
        ),
    ],
)
def test_a_malformed_answer_is_told_with_all_that_is_wrong(value: Any, parts: list[str]) -> None:
    with pytest.raises(MalformedAnswerError) as caught:
        response(value)

    for part in parts:
        assert part in str(caught.value)
