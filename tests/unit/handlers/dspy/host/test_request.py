from __future__ import annotations

import base64
import importlib
import json
from typing import Any, get_args

import pytest
from dspy import lm15

from snakepit_bridge.handlers.dspy.host.request import PARTS, request_data


def data(*messages: Any, model: str = "host/small", **fields: Any) -> dict[str, Any]:
    request = lm15.Request(model=model, messages=messages or (lm15.Message.user("Hi"),), **fields)
    made = request_data(request, lm15)
    assert json.loads(json.dumps(made)) == made
    return made


def test_a_plain_question_is_its_text() -> None:
    assert data(system="Be kind.") == {
        "model": "small",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hi"},
        ],
        "options": {},
    }


def test_options_are_those_that_were_given() -> None:
    config = lm15.Config(
        temperature=0.0,
        max_tokens=9,
        stop=("a",),
        store=False,
        extensions={"mirostat": 2},
        response_format={"type": "json_object"},
        reasoning=lm15.Reasoning(effort="low"),
        tool_choice=lm15.ToolChoice(mode="required", allowed=("search",)),
    )
    tool = lm15.FunctionTool(name="search", description="d", parameters={"type": "object"})

    made = data(config=config, tools=(tool,), model="small")

    assert made["options"] == {
        "temperature": 0.0,
        "max_tokens": 9,
        "stop": ["a"],
        "store": False,
        "extensions": {"mirostat": 2},
    }
    assert made["response_format"] == {"type": "json_object"}
    assert made["reasoning"] == {"effort": "low"}
    assert made["tool_choice"] == {"mode": "required", "allowed": ["search"]}
    assert made["tools"] == [
        {"name": "search", "description": "d", "parameters": {"type": "object"}}
    ]


def test_every_kind_of_part_travels() -> None:
    png = base64.b64encode(b"png").decode()
    assistant = lm15.Message.assistant(
        [
            lm15.ThinkingPart("Hm."),
            lm15.TextPart("Let me look."),
            lm15.ToolCallPart(id="c1", name="search", input={"q": "cup"}),
            lm15.CitationPart(url="https://x.org"),
            lm15.RefusalPart("No."),
        ]
    )
    user = lm15.Message.user(
        [
            lm15.TextPart("What is it?"),
            lm15.ImagePart(data=png, detail="low"),
            lm15.AudioPart(url="https://x.org/a.wav"),
            lm15.DocumentPart(file_id="f1"),
        ]
    )
    result = lm15.Message.tool("c1", "Nothing.", is_error=True)

    first, second, third = data(user, assistant, result)["messages"]

    assert first["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image", "media_type": "image/png", "data": png, "detail": "low"},
        {"type": "audio", "media_type": "audio/wav", "url": "https://x.org/a.wav"},
        {"type": "document", "media_type": "application/pdf", "file_id": "f1"},
    ]
    assert second["content"] == [
        {"type": "thinking", "text": "Hm."},
        {"type": "text", "text": "Let me look."},
        {"type": "tool_call", "id": "c1", "name": "search", "args": {"q": "cup"}},
        {"type": "citation", "url": "https://x.org"},
        {"type": "refusal", "text": "No."},
    ]
    assert third["content"] == [
        {"type": "tool_result", "id": "c1", "content": "Nothing.", "is_error": True}
    ]


def test_a_system_prompt_may_have_parts() -> None:
    made = data(system=(lm15.TextPart("a"), lm15.TextPart("b")))

    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert made["messages"][0] == {"role": "system", "content": parts}


def test_files_of_this_machine_are_not_sent() -> None:
    message = lm15.Message.user([lm15.ImagePart(path="/etc/passwd")])

    with pytest.raises(lm15.UnsupportedFeatureError, match="'image' that is a file"):
        data(message)


def test_a_kind_of_part_that_is_new_is_refused() -> None:
    class Hologram:
        type = "hologram"

    class Message:
        role = "user"
        parts = (Hologram(),)

    class Request:
        model = "m"
        messages = (Message(),)
        system = None
        config = lm15.Config()
        tools = ()

    with pytest.raises(lm15.UnsupportedFeatureError, match="'hologram'"):
        request_data(Request(), lm15)


def test_every_part_that_dspy_may_send_is_known() -> None:
    # The list has no public name; it is read here alone.
    types = importlib.import_module("dspy._vendor.lm15.types")

    assert set(get_args(types.PartType)) == {*PARTS, "tool_call", "tool_result"}
