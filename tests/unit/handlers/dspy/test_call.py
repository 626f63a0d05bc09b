from __future__ import annotations

from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import DSPyError, ErrorCode
from snakepit_bridge.handlers.dspy.arguments import Arguments
from snakepit_bridge.handlers.dspy.call import Call, Scene
from snakepit_bridge.handlers.dspy.configuration import Configuration
from snakepit_bridge.handlers.dspy.offline import offline_lm
from tests.unit.handlers.dspy.programs import Guide


def call(target: Any, *positional: Any, **keywords: Any) -> Call:
    scene = Scene(
        dspy=dspy,
        command="dspy.test",
        configuration=Configuration(language_model=offline_lm([{"answer": "42"}])),
        hidden=(),
        details={"ref": "x"},
    )
    return Call(scene, target, Arguments(positional, keywords))


def test_a_call_runs_with_the_settings_of_its_session() -> None:
    assert call(dspy.Predict("q -> answer").__call__, q="?").run().answer == "42"
    assert dspy.settings.lm is None


@pytest.mark.parametrize(
    ("target", "keywords", "why", "takes"),
    [
        (Guide, {"greting": "Hi"}, "'greting'", "greeting?, repeats?"),
        (Guide().__call__, {}, "'name'", "name, loud?"),
        (Guide().forward, {"nmae": "Ada"}, "'name'", "name, loud?"),
        (dspy.Predict, {}, "'signature'", "signature, callbacks?"),
        (dspy.Predict("q, n: int -> a").__call__, {"q": "?"}, "missing 'n'", "q, n"),
        (dspy.Predict("q, n: int -> a").acall, {}, "missing 'q', 'n'", "q, n"),
        (dspy.ChainOfThought("q -> a").__call__, {"x": 1}, "missing 'q'", "q"),
        (dspy.ReAct("q -> a", tools=[]).__call__, {}, "missing 'q'", "q"),
        (dspy.Example(a=1).get, {}, "'key'", "key, default?"),
    ],
)
def test_arguments_that_do_not_fit_are_named(
    target: Any, keywords: dict[str, Any], why: str, takes: str
) -> None:
    with pytest.raises(DSPyError, match="Wrong arguments") as caught:
        call(target, **keywords)

    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert why in caught.value.message
    assert caught.value.hint.startswith(f"It takes: {takes}.")
    assert caught.value.details["ref"] == "x"


def test_inputs_that_may_be_left_out_may_be_left_out() -> None:
    class Optional(dspy.Signature):  # type: ignore[misc]  # dspy ships no types
        q: str = dspy.InputField()
        limit: int | None = dspy.InputField()
        style: str = dspy.InputField(default="plain")
        answer: str = dspy.OutputField()

    assert call(dspy.Predict(Optional).__call__, q="?").run().answer == "42"


def test_another_signature_for_one_call_has_other_inputs() -> None:
    program = dspy.Predict("q -> answer")

    assert call(program.__call__, topic="x", signature="topic -> answer").run().answer == "42"


def test_a_module_that_decides_freely_is_given_what_is_sent() -> None:
    class Free(dspy.Module):  # type: ignore[misc]  # dspy ships no types
        def __init__(self) -> None:
            super().__init__()
            self.predict = dspy.Predict("context, q -> answer")

        def forward(self, **kwargs: Any) -> Any:
            return self.predict(context="its own", **kwargs)

    assert call(Free().__call__, q="?").run().answer == "42"


def test_a_refused_signature_is_answered_with_how_to_write_one() -> None:
    for target, arguments in [
        (dspy.Predict, ("no arrow",)),
        (dspy.Signature, ("no arrow",)),
        (dspy.Predict, ("q -> a b",)),
    ]:
        with pytest.raises(DSPyError) as caught:
            call(target, *arguments).run()
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
        assert "'question -> answer'" in caught.value.hint

    with pytest.raises(DSPyError) as caught:
        call(dspy.Predict("q -> a").__call__, q="?", signature="no arrow").run()
    assert "'question -> answer'" in caught.value.hint


def test_a_call_tells_whether_it_needs_a_loop() -> None:
    assert call(Guide().later, 41).is_async
    assert not call(Guide().__call__, name="Ada").is_async


async def test_an_async_method_is_awaited() -> None:
    assert await call(Guide().later, 41).arun() == 42
    assert (await call(dspy.Predict("q -> answer").acall, q="?").arun()).answer == "42"


async def test_failures_on_the_loop_are_translated() -> None:
    with pytest.raises(DSPyError, match="TypeError"):
        await call(Guide().later, "41").arun()
