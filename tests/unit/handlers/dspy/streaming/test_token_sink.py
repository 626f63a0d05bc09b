"""What language models send while DSPy waits for them comes out field by field."""

from __future__ import annotations

import asyncio
import copy
from collections import defaultdict
from typing import Any

import dspy
import pytest

from snakepit_bridge.handlers.dspy.offline import offline_lm
from snakepit_bridge.handlers.dspy.streaming.predictors import Predictors
from snakepit_bridge.handlers.dspy.streaming.token_sink import TokenSink
from snakepit_bridge.handlers.dspy.streaming.wanted_fields import WantedFields
from tests.unit.handlers.dspy.streaming.engines import (
    THINK,
    BreakingEngine,
    CutEngine,
    MeetingEngine,
    language_model,
)

ADAPTERS = [dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.XMLAdapter()]
Event = dict[str, Any]


def sink_of(program: Any, fields: list[str] | None = None) -> tuple[TokenSink, list[Event]]:
    events: list[Event] = []
    predictors = Predictors(dspy, program)

    async def put(event: Event) -> None:
        events.append(event)

    return TokenSink(dspy, predictors, WantedFields(predictors.fields, fields), put), events


def texts_of(events: list[Event]) -> dict[tuple[str, str], list[str]]:
    """The texts by predictor and field, one for each time the field ended."""
    texts: dict[tuple[str, str], list[str]] = defaultdict(list)
    parts: dict[tuple[str, str], str] = defaultdict(str)
    for event in events:
        if event["event"] == "token":
            key = (event["predictor"], event["field"])
            parts[key] += event["text"]
            if event["last"]:
                texts[key].append(parts.pop(key))
    assert not parts
    return dict(texts)


@pytest.mark.parametrize("size", [1, 3, 7, 10_000])
@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: type(adapter).__name__)
async def test_the_stream_says_what_the_prediction_says(adapter: Any, size: int) -> None:
    program = dspy.ChainOfThought("question -> answer, count: int")
    sink, events = sink_of(program)
    answer = {"reasoning": "First,\n\nthis & <that>.", "answer": 'Say "ü 😀"', "count": 42}
    model = language_model(CutEngine([answer], size=size))
    with dspy.context(lm=model, adapter=adapter, send_stream=sink):
        prediction = await program.acall(question="?")
    assert texts_of(events) == {
        ("predict", "reasoning"): [prediction.reasoning],
        ("predict", "answer"): [prediction.answer],
        ("predict", "count"): ["42"],
    }
    assert prediction.answer == answer["answer"]


async def test_the_offline_model_streams_word_by_word() -> None:
    program = dspy.Predict("question -> answer")
    sink, events = sink_of(program)
    with dspy.context(lm=offline_lm([{"answer": "one two three"}]), send_stream=sink):
        await program.acall(question="?")
    assert [(event["text"], event["last"]) for event in events] == [
        ("one", False),
        (" two", False),
        (" three", False),
        ("", True),
    ]
    assert events[0] == {
        "event": "token",
        "predictor": "self",
        "field": "answer",
        "text": "one",
        "last": False,
    }


@pytest.mark.parametrize("fields", [["answer"], ["predict.answer"]])
async def test_only_wanted_fields_are_told(fields: list[str]) -> None:
    program = dspy.ChainOfThought("question -> answer")
    sink, events = sink_of(program, fields)
    with dspy.context(lm=offline_lm(), send_stream=sink):
        prediction = await program.acall(question="?")
    assert texts_of(events) == {("predict", "answer"): [prediction.answer]}


async def test_thoughts_are_told_apart_from_the_answer() -> None:
    program = dspy.Predict("question -> answer")
    sink, events = sink_of(program)
    deltas = [f"{THINK}Let me ", f"{THINK}see.", "[[ ## answer ## ]]\n4", "2"]
    with dspy.context(lm=language_model(CutEngine(deltas=deltas)), send_stream=sink):
        await program.acall(question="?")
    assert events[:2] == [
        {"event": "thinking", "predictor": "self", "text": "Let me "},
        {"event": "thinking", "predictor": "self", "text": "see."},
    ]
    assert texts_of(events) == {("self", "answer"): ["42"]}


async def test_each_request_of_a_predictor_begins_a_new_answer() -> None:
    program = dspy.Predict("question -> answer")
    sink, events = sink_of(program)
    with dspy.context(lm=offline_lm([{"answer": "a"}, {"answer": "b"}]), send_stream=sink):
        for _ in range(3):
            await program.acall(question="?")
    assert texts_of(events) == {("self", "answer"): ["a", "b", "a"]}


async def test_each_of_several_candidates_is_told() -> None:
    program = dspy.Predict("question -> answer", n=2)
    sink, events = sink_of(program)
    with dspy.context(lm=offline_lm([{"answer": "a"}, {"answer": "b"}]), send_stream=sink):
        await program.acall(question="?")
    assert texts_of(events) == {("self", "answer"): ["a", "b"]}


async def test_answers_of_one_predictor_may_come_at_the_same_time() -> None:
    """Even if the provider gives them no ids."""
    program = dspy.Predict("question -> answer")
    sink, events = sink_of(program)
    engine = CutEngine([{"answer": "x" * 20}, {"answer": "y" * 20}], size=3)
    model = language_model(engine, MeetingEngine(engine, number=2))
    with dspy.context(lm=model, send_stream=sink):
        await asyncio.gather(*(program.acall(question=str(number)) for number in range(2)))
    told = "".join(event["text"] for event in events)
    assert sorted(told) == sorted("x" * 20 + "y" * 20)
    assert [event["last"] for event in events].count(True) == 2
    assert told not in {"x" * 20 + "y" * 20, "y" * 20 + "x" * 20}, "they did interleave"


async def test_predictors_of_a_program_are_told_apart() -> None:
    class Both(dspy.Module):  # type: ignore[misc]  # dspy ships no types
        def __init__(self) -> None:
            super().__init__()
            self.ask = dspy.Predict("question -> query")
            self.steps = [dspy.ChainOfThought("query -> answer")]

        async def aforward(self, question: str) -> Any:
            async def ask() -> Any:
                return await self.ask.acall(question=question)

            asked, _ = await asyncio.gather(ask(), ask())
            return await self.steps[0].acall(query=asked.query)

    program = Both()
    sink, events = sink_of(program)
    engine = CutEngine([{"query": "what is it", "answer": "this", "reasoning": "so"}], size=2)
    with dspy.context(lm=language_model(engine, MeetingEngine(engine, number=2)), send_stream=sink):
        await program.acall(question="?")
    texts = texts_of([event for event in events if event["predictor"] != "ask"])
    assert texts == {
        ("steps[0].predict", "reasoning"): ["so"],
        ("steps[0].predict", "answer"): ["this"],
    }


@pytest.mark.parametrize("response_id", [None, "same"])
async def test_an_answer_that_broke_off_does_not_run_into_the_next(response_id: str | None) -> None:
    program = dspy.Predict("question -> answer")
    other = dspy.Predict("question -> answer, note")
    sink, events = sink_of(program)
    engine = CutEngine([{"answer": "whole"}], size=4, response_id=response_id)
    with dspy.context(lm=language_model(engine, BreakingEngine(engine, after=7)), send_stream=sink):
        with pytest.raises(dspy.LMError):
            await asyncio.create_task(program.acall(question="?"))
        begun = list(events)
        await program.acall(question="?")
        await other.acall(question="?")
    assert begun
    assert not any(event["last"] for event in begun)
    assert texts_of(events[len(begun) :])[("self", "answer")] == ["whole"]


async def test_a_predictor_from_elsewhere_is_named_by_its_class() -> None:
    program = dspy.Predict("question -> answer")
    other = dspy.Predict("text -> summary")
    sink, events = sink_of(program)
    with dspy.context(lm=offline_lm([{"summary": "short"}]), send_stream=sink):
        await other.acall(text="?")
    assert texts_of(events) == {("Predict", "summary"): ["short"]}


async def test_a_copy_of_a_predictor_keeps_its_name() -> None:
    program = dspy.ChainOfThought("question -> answer")
    sink, events = sink_of(program, ["predict.answer"])
    with dspy.context(lm=offline_lm([{"answer": "short"}]), send_stream=sink):
        await program.deepcopy().acall(question="?")
    assert texts_of(events) == {("predict", "answer"): ["short"]}


async def test_an_extraction_is_told_where_the_first_answer_is_free_text() -> None:
    program = dspy.Predict("question -> answer")
    sink, events = sink_of(program)
    adapter = dspy.TwoStepAdapter(offline_lm([{"answer": "extracted"}]))
    model = language_model(CutEngine(["It is {this} <b>or</b> [[ ## that."], size=2))
    with dspy.context(lm=model, adapter=adapter, send_stream=sink):
        prediction = await program.acall(question="?")
    assert prediction.answer == "extracted"
    assert texts_of(events) == {("self", "answer"): ["extracted"]}


async def test_without_a_predictor_there_are_no_fields() -> None:
    sink, events = sink_of(None)
    model = language_model(CutEngine(deltas=[f"{THINK}hm", "[[ ## answer ## ]]\nx"]))
    with dspy.context(lm=model, send_stream=sink):
        await model.acall("Hello")
    assert events == [{"event": "thinking", "predictor": "", "text": "hm"}]


async def test_chunks_of_litellm_are_understood() -> None:
    """They have more than one choice, or none, and may lack what they have nothing for."""

    class Thing:
        def __init__(self, **parts: Any) -> None:
            vars(self).update(parts)

    def chunk(text: str | None, *, index: int = 0, finish: str | None = None) -> Thing:
        choice = Thing(index=index, delta=Thing(content=text), finish_reason=finish)
        return Thing(id="x", predict_id=id(program), choices=[choice])

    program = dspy.Predict("question -> answer")
    sink, events = sink_of(program)
    with dspy.context(caller_predict=program):
        await sink.send(chunk("[[ ## answer ## ]]\nmine"))
        await sink.send(chunk("[[ ## answer ## ]]\nanother's", index=1))
        await sink.send(chunk(None))
        await sink.send(chunk(None, finish="stop"))
        await sink.send(Thing(id="x", choices=[]))
    assert texts_of(events) == {("self", "answer"): ["mine"]}


async def test_settings_that_are_copied_send_to_the_same_place() -> None:
    sink, _ = sink_of(None)
    assert copy.deepcopy({"send_stream": sink})["send_stream"] is sink
