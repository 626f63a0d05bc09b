from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import Any, Literal

import dspy
import pydantic
import pytest

from snakepit_bridge.handlers.dspy.offline import (
    Answer,
    AsyncOfflineEngine,
    OfflineEngine,
    offline_engines,
    offline_lm,
)


class City(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=3)
    inhabitants: int = pydantic.Field(gt=0)
    twin: City | None


class Everything(dspy.Signature):  # type: ignore[misc]  # dspy ships no types
    """Fill in every kind of field."""

    question: str = dspy.InputField()
    text: str = dspy.OutputField()
    whole: int = dspy.OutputField()
    part: float = dspy.OutputField()
    sure: bool = dspy.OutputField()
    kind: Literal["small", "large"] = dspy.OutputField()
    number: Literal[1, 2] = dspy.OutputField()
    tags: list[str] = dspy.OutputField()
    counts: dict[str, int] = dspy.OutputField()
    maybe: int | None = dspy.OutputField()
    city: City = dspy.OutputField()


ADAPTERS = [dspy.ChatAdapter(), dspy.JSONAdapter()]


def ask(signature: Any, answers: Any = (), adapter: Any = None) -> Any:
    with dspy.context(lm=offline_lm(answers), adapter=adapter, track_usage=True):
        return dspy.Predict(signature)(question="?")


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_every_kind_of_field_gets_a_value_that_fits(adapter: Any) -> None:
    first, second = (ask(Everything, adapter=adapter) for _ in range(2))

    assert first.toDict() == second.toDict()
    assert (first.whole, first.part, first.sure, first.kind, first.number) == (
        *(0, 0.0, False),
        *("small", 1),
    )
    assert (first.tags, first.counts, first.maybe) == ([], {}, 0)
    assert first.city.inhabitants == 1
    assert "no language model was asked" in first.text


@pytest.mark.parametrize("adapter", [*ADAPTERS, dspy.XMLAdapter()])
def test_answers_come_in_order_then_round_again(adapter: Any) -> None:
    model = offline_lm([{"answer": "42"}, {"answer": 'a "b" < c'}])
    program = dspy.ChainOfThought("question -> answer")

    with dspy.context(lm=model, adapter=adapter):
        answers = [program(question="?") for _ in range(3)]

    assert [each.answer for each in answers] == ["42", 'a "b" < c', "42"]
    assert "Offline reasoning" in answers[0].reasoning


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_answers_keep_their_types(adapter: Any) -> None:
    city = {"name": "Linz", "inhabitants": 200_000, "twin": None}
    sent = {"text": "so", "whole": 7, "sure": True, "tags": ["a", "b"], "city": city}

    answer = ask(Everything, [sent], adapter)

    assert answer.text == "so"
    assert (answer.whole, answer.sure, answer.tags) == (7, True, ["a", "b"])
    assert answer.city.model_dump() == city


def test_the_two_step_adapter_is_answered_twice() -> None:
    model = offline_lm([{"answer": "42"}])

    with dspy.context(lm=model, adapter=dspy.TwoStepAdapter(model)):
        assert dspy.Predict("question -> answer")(question="?").answer == "42"


def test_raw_text_is_an_answer_too() -> None:
    with pytest.raises(dspy.AdapterParseError):
        ask("question -> answer: int", ["not what was asked for"])


def test_several_generations_are_several_requests() -> None:
    with dspy.context(lm=offline_lm([{"answer": "a"}, {"answer": "b"}])):
        found = dspy.Predict("question -> answer", n=2)(question="?")

    assert found.completions.answer == ["a", "b"]


def test_usage_counts_words() -> None:
    usage = ask("question -> answer", [{"answer": "one two three"}]).get_lm_usage()["offline"]

    # `[[ ## answer ## ]]` and its end are five words each
    assert usage["completion_tokens"] == 13
    assert usage["prompt_tokens"] > 20
    assert usage["total_tokens"] == usage["prompt_tokens"] + 13


def test_an_agent_comes_to_an_end() -> None:
    with dspy.context(lm=offline_lm()):
        found = dspy.ReAct("question -> answer", tools=[])(question="?")

    assert found.trajectory["tool_name_0"] == "finish"
    assert "tool_name_1" not in found.trajectory


def test_an_agent_uses_the_tools_its_answers_name() -> None:
    def double(x: int) -> int:
        return 2 * x

    steps: list[Answer] = [
        {"next_thought": "hm", "next_tool_name": "double", "next_tool_args": {"x": 21}},
        {"next_tool_name": "finish", "next_tool_args": {}},
        {"answer": "42"},
    ]
    with dspy.context(lm=offline_lm(steps)):
        found = dspy.ReAct("question -> answer", tools=[double])(question="?")

    assert found.trajectory["observation_0"] == 42
    assert found.answer == "42"


def test_the_second_agent_submits_what_its_answers_say() -> None:
    call = {"tool_calls": [{"name": "submit", "args": {"answer": "42"}}]}

    with dspy.context(lm=offline_lm([{"tool_calls": call}])):
        found = dspy.ReActV2("question -> answer", tools=[])(question="?")

    assert found.answer == "42"


# --- streams ------------------------------------------------------------------------------------


def streaming() -> Any:
    return dspy.streamify(
        dspy.Predict("question -> answer"),
        stream_listeners=[dspy.streaming.StreamListener(signature_field_name="answer")],
        is_async_program=True,
    )


async def collected(stream: Any) -> tuple[list[str], Any]:
    items = [item async for item in stream]
    return [item.chunk for item in items[:-1]], items[-1]


async def test_tokens_stream_on_the_loop() -> None:
    with dspy.context(lm=offline_lm([{"answer": "one two three four five"}]), track_usage=True):
        program = streaming()
        chunks, prediction = await collected(program(question="?"))

    assert len(chunks) > 1
    assert "".join(chunks) == "one two three four five"
    assert prediction.answer == "one two three four five"
    assert prediction.get_lm_usage()["offline"]["completion_tokens"] == 15


async def test_tokens_stream_from_a_thread() -> None:
    with dspy.context(lm=offline_lm([{"answer": "one two three four five"}])):
        program = dspy.streamify(
            dspy.Predict("question -> answer"),
            stream_listeners=[dspy.streaming.StreamListener(signature_field_name="answer")],
        )
        chunks, prediction = await collected(program(question="?"))

    assert "".join(chunks) == "one two three four five"
    assert prediction.answer == "one two three four five"


def test_a_stream_is_the_whole_answer_word_by_word() -> None:
    types = dspy.lm15
    engine = OfflineEngine([{"answer": "one two"}, {"answer": "one two"}])
    request = types.Request(model="offline", messages=(types.Message.user("Hello"),))

    start, *deltas, end = engine.stream(request)
    whole = engine.complete(request)

    assert (start.type, start.id, end.type) == ("start", "offline-0", "end")
    assert [each.delta.text for each in deltas] == ["answer:", " one", " two"]
    assert whole.message.text == "answer: one two"
    assert end.usage == whole.usage
    assert whole.id == "offline-1"


# --- two ways to the same answers ---------------------------------------------------------------


async def test_threads_and_the_loop_share_the_answers() -> None:
    with dspy.context(lm=offline_lm([{"answer": "first"}, {"answer": "second"}])):
        program = dspy.Predict("question -> answer")
        found = [await program.acall(question="?"), await asyncio.to_thread(program, question="?")]

    assert [each.answer for each in found] == ["first", "second"]


def test_threads_that_ask_together_get_every_answer_once() -> None:
    engine = OfflineEngine([f"answer {number}" for number in range(8)])
    types = dspy.lm15
    request = types.Request(model="offline", messages=(types.Message.user("Hello"),))
    together = threading.Barrier(8)
    found: list[str] = []

    def work() -> None:
        together.wait(timeout=5)
        found.extend(engine.complete(request).message.text for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=5)

    assert Counter(found) == {f"answer {number}": 50 for number in range(8)}


# --- states -------------------------------------------------------------------------------------


def test_a_saved_model_is_the_same_model() -> None:
    state = offline_lm([{"answer": "42"}]).dump_state()

    model = dspy.LM.load_state(state, allow_custom_lm_class=True)

    with dspy.context(lm=model):
        assert dspy.Predict("question -> answer")(question="?").answer == "42"


async def test_engines_close_and_come_back() -> None:
    sync, asynchronous = offline_engines([{"answer": "42"}])
    sync.close()
    await asynchronous.aclose()

    again = AsyncOfflineEngine.load_state(asynchronous.dump_state())

    assert again.dump_state() == sync.dump_state() == {"answers": [{"answer": "42"}]}
    assert OfflineEngine.load_state({}).dump_state() == {"answers": []}
