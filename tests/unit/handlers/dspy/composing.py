"""What the tests of programs are made from."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import dspy

from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.dspy.creation import Creation
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.offline import AsyncOfflineEngine, OfflineEngine, offline_lm
from snakepit_bridge.handlers.dspy.program_handler import DSPyProgramHandler
from snakepit_bridge.handlers.tool_handler import ToolHandler
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager

ALLOWED = ("dspy", "snakepit_bridge.handlers.dspy.programs.program", "tests.unit.handlers.dspy")


class Bench:
    """A session with modules in it, and the handler that makes programs of them."""

    def __init__(self) -> None:
        sessions = SessionManager(EmbeddedHost())
        self.session: Session = sessions.get_or_create("one")
        self.instances = sessions.instances
        self.allow = AllowList(ALLOWED)
        workbench: Any = SimpleNamespace(
            door=DSPyDoor(),
            allow=self.allow,
            instances=sessions.instances,
            instance=lambda session, ref: sessions.instances.get(session.id, ref),
            creation=Creation(DSPyDoor(), self.allow, ToolHandler()),
        )
        self.handler = DSPyProgramHandler(workbench)

    def keep(self, instance: Any) -> str:
        """The ref of an object."""
        return self.instances.register(self.session.id, instance)

    def ref(self, *steps: Mapping[str, Any], **more: Any) -> str:
        """The ref of a program; in the place of a ref a step may have the module itself."""
        sent = [
            {**step, "ref": step["ref"] if isinstance(step["ref"], str) else self.keep(step["ref"])}
            for step in steps
        ]
        return self.handler.create(self.session, steps=sent, **more)

    def program(self, *steps: Mapping[str, Any], **more: Any) -> Any:
        """The program itself."""
        return self.instances.get(self.session.id, self.ref(*steps, **more))


def program(*steps: Mapping[str, Any], **more: Any) -> Any:
    """A program of these steps."""
    return Bench().program(*steps, **more)


def step(name: str, module: Any, **more: Any) -> dict[str, Any]:
    """A step; a text is the signature of a ``dspy.Predict``."""
    made = dspy.Predict(module) if isinstance(module, str) else module
    return {"name": name, "ref": made, **more}


def both(made: Any, **inputs: Any) -> dict[str, Any]:
    """What a program answers, called and awaited, which must be the same."""
    with dspy.context(lm=offline_lm()):
        called = made(**inputs).toDict()
        awaited = asyncio.run(made.acall(**inputs)).toDict()
    assert called == awaited
    return dict(called)


def lm_of(engine: OfflineEngine, async_engine: Any = None) -> Any:
    """A language model with an engine of the test's own."""
    return dspy.LM(
        "offline",
        engine=engine,
        async_engine=async_engine or AsyncOfflineEngine(engine),
        cache=False,
        num_retries=0,
    )


class Doubler(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    """Computes, without any language model, and cannot be awaited."""

    def forward(self, number: int, times: int = 2) -> dspy.Prediction:
        return dspy.Prediction(number=number * times, parts={"list": [number, {"deep": times}]})


class Echo(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    """Gives what it is given."""

    async def aforward(self, **given: Any) -> dspy.Prediction:
        return self.forward(**given)

    def forward(self, **given: Any) -> dspy.Prediction:
        return dspy.Prediction(**given)


class Plain(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    """Gives something that is no prediction."""

    def forward(self, text: Any) -> Any:
        return text
