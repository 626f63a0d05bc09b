from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest

from snakepit_bridge.errors import CommandDeadlineError, NotAllowedError
from snakepit_bridge.handlers.python.calls import Calls
from snakepit_bridge.session.context import current_execution
from tests.unit.handlers.python.bench import UnderWay

CALLS = Calls(code_execution=False)


@pytest.mark.parametrize(
    ("target", "positional", "keywords"),
    [
        (np.load, ["x.npy", None, True], {}),
        (np.load, ["x.npy"], {"allow_pickle": True}),
        (functools.partial(np.load, "x.npy"), [], {"allow_pickle": True}),
        (np.lib.format.read_array, ["x.npy", True], {}),
    ],
)
def test_an_argument_that_unpickles_is_found_however_it_is_given(
    target: Any, positional: list[Any], keywords: dict[str, Any]
) -> None:
    with pytest.raises(NotAllowedError, match="--allow-code-execution"):
        CALLS.call(target, positional, keywords)


def test_saying_no_is_as_good_as_saying_nothing() -> None:
    for keywords in ({}, {"allow_pickle": False}, {"allow_pickle": None}):
        with pytest.raises(FileNotFoundError):
            CALLS.call(np.load, ["/not/there.npy"], keywords)


def test_functions_that_do_not_tell_their_parameters_are_called() -> None:
    assert CALLS.call(np.array, [[1]], {}).tolist() == [1]
    assert CALLS.call(np.sin, [0.0], {}) == 0
    assert CALLS.call(math.hypot, [3, 4], {}) == 5


def test_whatever_is_looked_at_is_handed_on() -> None:
    for harmless in (1, "a", np.arange(3), np.sum, np.sin, math.sqrt, math, int, len):
        CALLS.check_argument(harmless)


def test_with_code_execution_nothing_is_looked_at() -> None:
    calls = Calls(code_execution=True)

    calls.check_argument(np.load)
    with pytest.raises(FileNotFoundError):
        calls.call(np.load, ["/not/there.npy"], {"allow_pickle": True})


def test_an_async_function_does_not_begin_after_the_deadline() -> None:
    async def never() -> None:
        raise NotImplementedError

    execution = UnderWay()
    execution.remaining_s = 0.0
    token = current_execution.set(execution)
    try:
        with pytest.raises(CommandDeadlineError):
            CALLS.call(never, [], {})
    finally:
        current_execution.reset(token)
