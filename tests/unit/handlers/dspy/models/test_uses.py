from __future__ import annotations

import asyncio
import copy
import threading
from typing import Any

from snakepit_bridge.handlers.dspy.configuration import Change, Configurator
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.models.uses import Uses, uses_of, using
from tests.unit.handlers.dspy.workshop import RUNNER, models, workshop


class Model:
    """Tells when its connections are closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.closings = 0
        self.uses = Uses(self)

    async def aclose(self) -> None:
        self.closings += 1
        self.closed.set()


async def _turn() -> None:
    await asyncio.sleep(0)


def test_connections_are_closed_when_the_last_user_leaves() -> None:
    model = Model()
    with using(model, RUNNER):
        with using(model, RUNNER):
            pass
        RUNNER.wait(_turn())
        assert not model.closed.is_set()

    assert model.closed.wait(5)


def test_who_comes_back_is_followed_by_another_closing() -> None:
    model = Model()
    for number in (1, 2):
        with using(model, RUNNER):
            model.closed.clear()
        assert model.closed.wait(5)
        assert model.closings == number


def test_other_models_are_left_alone() -> None:
    with using(object(), RUNNER), using(None, RUNNER):
        assert uses_of(object()) is None


def test_a_copy_with_connections_of_its_own_closes_nobody_elses() -> None:
    model = Model()
    model.uses.take()
    other: Uses = copy.deepcopy(model.uses)

    other.take()
    other.drop(RUNNER)
    RUNNER.wait(_turn())

    assert not model.closed.is_set()


def test_a_session_uses_its_model_until_it_has_another_or_ends() -> None:
    _, session, _ = workshop()
    configurator = Configurator(DSPyDoor(), models(), RUNNER)
    found: list[Any] = []
    for lm in ("offline", {"temperature": 0.5}, {"model": "offline", "answers": [{"a": 1}]}):
        model = configurator.change(session, Change(lm=lm)).language_model
        model.uses._model = recorder = Model()  # noqa: SLF001  (stands in for real connections)
        found.append(recorder)

    assert found[0].closed.is_set() is False
    # The second shares the connections of the first, the third does not.
    assert found[1].closed.wait(5)
    configurator.forget(session.id)
    assert found[2].closed.wait(5)
    configurator.forget(session.id)
    assert found[2].closings == 1
