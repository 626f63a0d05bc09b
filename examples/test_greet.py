"""How to test a handler: with everything but the wire, in the test's own process.

Run it from this folder: ``python -m pytest test_greet.py``, with pytest-asyncio installed.
"""

import pytest
from greet import Greeter

from snakepit_bridge import BridgeError, ErrorCode
from snakepit_bridge.testing import in_process_bridge


@pytest.mark.asyncio
async def test_a_greeting_names_whom_it_greets() -> None:
    """Arguments and answer travel as they would over a wire; only the wire is missing."""
    async with in_process_bridge(Greeter()) as bridge:
        greetings = await bridge.execute("any-session", "greet.say", {"name": "Ada", "times": 2})

    assert greetings == ["Hello Ada!", "Hello Ada!"]


@pytest.mark.asyncio
async def test_a_misspelt_argument_is_named() -> None:
    """Match on the code and the details; messages are for people, and may change."""
    async with in_process_bridge(Greeter()) as bridge:
        with pytest.raises(BridgeError) as caught:
            await bridge.execute("any-session", "greet.say", {"nmae": "Ada"})

    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert caught.value.details["arguments"] == {
        "nmae": "is unknown (did you mean 'name'?)",
        "name": "is missing",
    }


@pytest.mark.asyncio
async def test_counting_stops_with_its_reader() -> None:
    """The command has ended when its generator is closed, so nothing of it is left."""
    async with in_process_bridge(Greeter()) as bridge:
        numbers = bridge.stream("greet.count", {"to": 1_000_000_000})
        assert [await anext(numbers), await anext(numbers)] == [1, 2]

        await numbers.aclose()

        info = await bridge.call("system.info")
    assert info["abandoned"] == 0
