from __future__ import annotations

import copy
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import InvalidArgumentError, WrongCallError
from snakepit_bridge.handlers.dspy.host.engines import AsyncHostEngine, HostEngine, host_engines
from tests.unit.handlers.dspy.hosting import Scene


def answer(op: str, **_: Any) -> str:
    assert op == "complete"
    return "[[ ## answer ## ]]\n42\n\n[[ ## completed ## ]]"


@pytest.mark.parametrize("kind", [HostEngine, AsyncHostEngine])
def test_an_engine_comes_back_from_its_state(kind: Any) -> None:
    state = kind("llm", streams=True, features=["tools"]).dump_state()

    assert state == {"tool": "llm", "streams": True, "features": ["tools"]}
    assert kind.load_state(state).dump_state() == state
    assert kind.load_state({"tool": "llm"}).dump_state() == kind("llm").dump_state()


def test_a_model_that_was_loaded_asks_the_command_under_way() -> None:
    scene = Scene()
    state = scene.model(answer).dump_state()
    assert "sk-" not in str(state)

    model = dspy.BaseLM.load_state(state, allow_custom_lm_class=True)

    with scene.run(lm=model):
        assert dspy.Predict("question -> answer")(question="?").answer == "42"


def test_copies_of_programs_share_their_engine() -> None:
    scene = Scene()
    program = dspy.Predict("question -> answer")
    program.set_lm(scene.model(answer))

    copied = copy.deepcopy(program)

    assert copied.lm.engine is program.lm.engine
    with scene.run():
        assert copied(question="?").answer == "42"


def test_features_say_what_dspy_may_ask_for() -> None:
    plain, able = HostEngine("llm"), HostEngine("llm", features=["tools", "response_format"])

    assert not plain.supports_function_calling
    assert not plain.supports_reasoning
    assert not plain.supports_response_schema
    assert {"tools", "response_format"} & plain.supported_params == set()
    assert able.supports_function_calling
    assert able.supports_response_schema
    assert {"tools", "tool_choice", "response_format", "temperature"} <= able.supported_params


def test_an_unknown_feature_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="telepathy") as caught:
        host_engines("llm", features=["telepathy", "tools"])

    assert "reasoning" in caught.value.hint


def test_without_a_command_there_is_no_host_to_ask() -> None:
    scene = Scene()
    model = scene.model(answer)
    request = dspy.lm15.Request(model="host/small", messages=(dspy.lm15.Message.user("Hi"),))

    with pytest.raises(WrongCallError, match="'llm'"):
        model.engine.complete(request)
