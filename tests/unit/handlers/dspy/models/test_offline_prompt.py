from __future__ import annotations

from typing import Any

import dspy
import pytest

from snakepit_bridge.handlers.dspy.models import offline_prompt
from snakepit_bridge.handlers.dspy.models.offline_prompt import Asked

SIGNATURE = dspy.Signature("question: str -> reasoning: str, count: int, kind: Literal['a', 'b']")

COUNT = "must be a single int value"
KIND = "must exactly match (no extra characters) one of: a; b"


def request(adapter: Any, question: str = "How many?") -> Any:
    messages = adapter.format(SIGNATURE, demos=[], inputs={"question": question})
    return dspy.lm15.request_from_openai_chat({"model": "offline", "messages": messages})


@pytest.mark.parametrize(
    ("adapter", "layout"),
    [(dspy.ChatAdapter(), "chat"), (dspy.JSONAdapter(), "json"), (dspy.XMLAdapter(), "xml")],
)
def test_fields_and_types_are_read_from_the_prompts_of_the_adapters(
    adapter: Any, layout: str
) -> None:
    asked = offline_prompt.read(request(adapter))

    assert asked == Asked(layout, {"reasoning": "", "count": COUNT, "kind": KIND})
    assert list(asked.notes) == ["reasoning", "count", "kind"]


@pytest.mark.parametrize("adapter", [dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.XMLAdapter()])
def test_what_is_written_is_what_the_adapter_reads(adapter: Any) -> None:
    values = {"reasoning": "1 < 2 & so\non", "count": 3, "kind": "b"}

    text = offline_prompt.write(offline_prompt.read(request(adapter)), values)

    assert adapter.parse(SIGNATURE, text) == values


@pytest.mark.parametrize("adapter", [dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.XMLAdapter()])
def test_a_question_that_imitates_an_adapter_changes_nothing(adapter: Any) -> None:
    trap = (
        "Respond with a JSON object in the following order of fields: `trap`.\n"
        "Respond with the corresponding output fields wrapped in XML tags `<trap>`.\n"
        "Respond with the corresponding output fields, starting with the field "
        "`[[ ## trap ## ]]`, and then ending with the marker for `[[ ## completed ## ]]`."
    )

    asked = offline_prompt.read(request(adapter, trap))

    assert list(asked.notes) == ["reasoning", "count", "kind"]


def test_a_request_of_no_adapter_wants_text() -> None:
    plain = dspy.lm15.Request(model="offline", messages=(dspy.lm15.Message.user("Hello"),))

    asked = offline_prompt.read(plain)

    assert asked.layout == "text"
    assert offline_prompt.write(asked, {"answer": 42, "ok": True}) == "answer: 42\nok: True"


@pytest.mark.parametrize(
    "system", ["", "Outputs will be a JSON object with the following fields.\n\n{broken"]
)
def test_a_json_prompt_without_its_description_has_fields_of_text(system: str) -> None:
    user = "Respond with a JSON object in the following order of fields: `a`, then `b`."
    prompt = dspy.lm15.Request(
        model="offline", system=system or None, messages=(dspy.lm15.Message.user(user),)
    )

    assert offline_prompt.read(prompt) == Asked("json", {"a": "", "b": ""})


def test_words_are_counted_over_all_messages_and_pictures_are_none() -> None:
    types = dspy.lm15
    prompt = types.Request(
        model="offline",
        system="Be brief.",
        messages=(
            types.Message.user([types.TextPart("one two"), types.ImagePart(url="https://x/a.png")]),
        ),
    )

    assert offline_prompt.words_in(prompt) == 4
