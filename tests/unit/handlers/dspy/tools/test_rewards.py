from __future__ import annotations

from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import HostToolError, InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.dspy.workbench import Workbench
from snakepit_bridge.handlers.dspy_handler import DSPyHandler
from snakepit_bridge.handlers.tool_handler import ToolHandler
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from tests.unit.handlers.dspy.workshop import RUNNER, called


def bridge(score: Any) -> tuple[DSPyHandler, Session, list[Any]]:
    tools, asked = ToolHandler(), list[Any]()

    @tools.register
    def reward(inputs: dict[str, Any], prediction: dict[str, Any]) -> Any:
        asked.append((inputs, prediction))
        return score

    sessions = SessionManager(EmbeddedHost())
    bench = Workbench(sessions.instances, runner=RUNNER, tools=tools)
    session = sessions.get_or_create("one")
    handler = DSPyHandler(sessions.instances, workbench=bench)
    handler.configure(session, lm={"model": "offline", "answers": [{"answer": "42"}]})
    return handler, session, asked


def made(handler: DSPyHandler, session: Session, kind: str, reward: Any) -> str:
    inner = handler.create(session, class_path="dspy.Predict", args=["question -> answer"])
    return handler.create(
        session,
        class_path=f"dspy.{kind}",
        args={"module": inner, "N": 2, "reward_fn": reward, "threshold": 1.0},
    )


@pytest.mark.parametrize("kind", ["BestOfN", "Refine"])
@pytest.mark.parametrize("reward", ["reward", {"tool": "reward"}])
@pytest.mark.parametrize("score", [1, 1.0, True, {"score": 1, "why": "good"}])
def test_a_tool_gives_the_reward(kind: str, reward: Any, score: Any) -> None:
    handler, session, asked = bridge(score)
    ref = made(handler, session, kind, reward)

    answer = called(handler, session, ref=ref, method="__call__", args={"question": "?"})

    assert answer == {"answer": "42"}
    assert asked[0] == ({"question": "?"}, {"answer": "42"})


def test_a_reward_that_is_no_number_ends_the_call() -> None:
    handler, session, _ = bridge("good")
    ref = made(handler, session, "BestOfN", "reward")

    with pytest.raises(HostToolError, match="no number: 'good'"):
        called(handler, session, ref=ref, method="__call__", args={"question": "?"})


@pytest.mark.parametrize(
    ("reward", "kind", "told"),
    [
        ("rewrd", InvalidArgumentError, "nobody has a tool 'rewrd'"),
        (3, InvalidArgumentError, "neither a tool nor a function"),
        ({"tool": "reward", "x": 1}, InvalidArgumentError, "neither a tool nor a function"),
        ("os.system", NotAllowedError, "os"),
    ],
)
def test_what_gives_no_reward_is_refused_at_once(reward: Any, kind: type, told: str) -> None:
    handler, session, _ = bridge(1)

    with pytest.raises(Exception, match=told) as caught:
        made(handler, session, "BestOfN", reward)

    assert isinstance(caught.value.__cause__ or caught.value, kind)


def test_an_allowed_function_gives_the_reward() -> None:
    handler, session, _ = bridge(1)

    ref = made(handler, session, "BestOfN", "dspy.evaluate.metrics.answer_exact_match")

    found = session.instances.get(ref)
    assert isinstance(found, dspy.BestOfN)
