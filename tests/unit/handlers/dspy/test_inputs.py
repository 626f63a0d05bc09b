from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import dspy
import pydantic
import pytest

from snakepit_bridge.errors import DSPyError, ErrorCode, NotAllowedError
from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.dspy.inputs import typed_inputs

PIXEL = "data:image/png;base64,iVBORw0KGgo="


class Place(pydantic.BaseModel):
    name: str
    height: int = pydantic.Field(ge=0)


def signature(**inputs: Any) -> Any:
    fields = {name: (kind, dspy.InputField()) for name, kind in inputs.items()}
    return dspy.Signature({**fields, "answer": (str, dspy.OutputField())})


def check(kind: Any, keywords: Mapping[str, Any]) -> None:
    AllowList().check_call(kind, (), keywords)


def typed(inputs: Mapping[str, Any], **kinds: Any) -> dict[str, Any]:
    return typed_inputs(dspy, signature(**kinds), inputs, check)


def test_data_become_objects_of_dspys_types() -> None:
    made = typed(
        {
            "url": PIXEL,
            "image": {"url": "https://example.org/a.png"},
            "many": [{"url": PIXEL}, {"url": PIXEL}],
            "history": {"messages": [{"question": "?", "answer": "!"}]},
            "place": {"name": "Linz", "height": 266},
        },
        url=dspy.Image,
        image=dspy.Image,
        many=list[dspy.Image],
        history=dspy.History,
        place=Place,
    )

    assert isinstance(made["url"], dspy.Image)
    assert made["image"].url == "https://example.org/a.png"
    assert [type(each) for each in made["many"]] == [dspy.Image] * 2
    assert made["history"].messages == [{"question": "?", "answer": "!"}]
    assert made["place"] == Place(name="Linz", height=266)


def test_objects_texts_and_other_names_stay() -> None:
    image, thing = dspy.Image(PIXEL), object()
    given = {"image": image, "text": {"any": "thing"}, "free": [1], "thing": thing, "config": {}}

    made = typed(given, image=dspy.Image, text=str, free=Any, thing=int)

    assert made == given
    assert made["image"] is image


def test_what_may_be_missing_may_be_null() -> None:
    assert typed({"n": None}, n=int | None) == {"n": None}


def test_every_input_of_the_wrong_type_is_named() -> None:
    with pytest.raises(DSPyError) as caught:
        typed(
            {"n": "many", "mood": "odd", "place": {"name": "Linz", "height": -1}, "fine": 3},
            n=int,
            mood=Literal["good", "bad"],
            place=Place,
            fine=int,
        )

    error = caught.value
    assert error.code is ErrorCode.INVALID_ARGUMENT
    assert error.details["arguments"] == ["mood", "n", "place"]
    assert "'n': Input should be a valid integer" in error.message
    assert "height: Input should be greater than or equal to 0" in error.message


@pytest.mark.parametrize("kind", [dspy.Image, list[dspy.Image], dspy.Image | None])
def test_no_input_makes_the_bridge_fetch_anything(kind: Any) -> None:
    data = {"url": "http://127.0.0.1:9/x", "download": True}
    value = [data] if kind == list[dspy.Image] else data

    with pytest.raises(NotAllowedError, match="'download'"):
        typed({"image": value}, image=kind)


def test_tools_are_dspys_business() -> None:
    assert typed({"tools": ["a"]}, tools=list[dspy.Tool]) == {"tools": ["a"]}


def test_a_text_that_is_no_image_is_told() -> None:
    with pytest.raises(DSPyError, match="Unrecognized image string"):
        typed({"image": "/etc/passwd"}, image=dspy.Image)
