from __future__ import annotations

from snakepit_bridge.adapters.showcase.tool import StreamChunk, Tool
from tests.unit.adapters.showcase.request import Request


def double(_context: Request, number: int) -> int:
    return 2 * number


def test_a_tool_has_the_name_of_its_function() -> None:
    tool = Tool(double)

    assert (tool.name, tool.func, repr(tool)) == ("double", double, "Tool('double')")


def test_a_tool_is_called_as_its_function_is() -> None:
    assert Tool(double)(Request(), number=4) == 8


def test_a_chunk_is_not_the_last_one_unless_it_says_so() -> None:
    chunk = StreamChunk({"n": 1})

    assert (chunk.data, chunk.is_final, chunk.metadata) == ({"n": 1}, False, None)


def test_a_chunk_takes_its_parts_in_order() -> None:
    parts = ("end", True, {"by": "hand"})

    assert StreamChunk(*parts) == StreamChunk("end", is_final=True, metadata={"by": "hand"})
