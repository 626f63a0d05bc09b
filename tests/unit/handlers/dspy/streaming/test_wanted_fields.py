"""A field that does not exist is refused before anything runs."""

from __future__ import annotations

import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.streaming.wanted_fields import WantedFields

KNOWN = {"ask": ("query",), "extract.predict": ("reasoning", "answer")}


def test_without_a_wish_all_fields_are_wanted() -> None:
    assert WantedFields(KNOWN, None).holds("of somebody else", "whatever")


def test_an_empty_list_wants_none() -> None:
    assert not WantedFields(KNOWN, []).holds("ask", "query")


def test_a_field_is_wanted_of_every_predictor_or_of_one() -> None:
    wanted = WantedFields(KNOWN, ["query", "extract.predict.answer"])
    assert wanted.holds("ask", "query")
    assert wanted.holds("extract.predict", "answer")
    assert not wanted.holds("extract.predict", "reasoning")
    assert not wanted.holds("another", "answer")


def test_all_unknown_fields_are_named_with_their_nearest() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        WantedFields(KNOWN, ["anwser", "query", "extract.predict.answr", "zzz"])
    assert caught.value.message == (
        "The program has no output field 'anwser', 'extract.predict.answr', 'zzz'."
    )
    assert caught.value.details["fields"] == ["anwser", "extract.predict.answr", "zzz"]
    assert caught.value.details["hint"] == (
        "Did you mean 'answer'? Did you mean 'extract.predict.answer'? There are: answer, "
        "ask.query, extract.predict.answer, extract.predict.reasoning, query, reasoning."
    )


def test_a_program_without_fields_has_none_to_choose() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        WantedFields({}, ["answer"])
    assert caught.value.details["hint"] == "Leave out 'fields'."
