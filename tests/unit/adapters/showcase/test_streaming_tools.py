from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import pytest

from snakepit_bridge.adapters.showcase.pause import pause
from snakepit_bridge.adapters.showcase.streaming_tools import StreamingTools
from snakepit_bridge.adapters.showcase.tool import StreamChunk
from tests.unit.adapters.showcase.request import Request, abandoned_command, no_wait

TOOLS = StreamingTools(no_wait)


def _data(stream: Iterator[StreamChunk]) -> list[Any]:
    return [chunk.data for chunk in stream]


@pytest.mark.parametrize(
    ("tool_name", "arguments", "chunks"),
    [
        ("stream_data", {}, 5),
        ("stream_data", {"count": 3, "delay": 0}, 3),
        ("stream_data", {"count": 1}, 1),
        ("stream_progress", {}, 10),
        ("stream_progress", {"steps": 2, "delay_ms": 0}, 2),
        ("stream_fibonacci", {}, 20),
        ("stream_fibonacci", {"count": 1}, 1),
        ("generate_dataset", {}, 10),
        ("generate_dataset", {"rows": 5, "chunk_size": 2}, 3),
    ],
)
def test_the_last_chunk_is_final_while_no_other_is(
    tool_name: str, arguments: dict[str, Any], chunks: int
) -> None:
    stream: Iterator[StreamChunk] = getattr(TOOLS, tool_name)(Request(), **arguments)

    assert [chunk.is_final for chunk in stream] == [*[False] * (chunks - 1), True]


def test_a_stream_of_nothing_has_no_chunk() -> None:
    assert list(TOOLS.stream_data(Request(), count=0)) == []


def test_messages_are_numbered_from_1() -> None:
    assert _data(TOOLS.stream_data(Request(), count=2)) == [
        {"index": 1, "total": 2, "message": "Message 1 of 2"},
        {"index": 2, "total": 2, "message": "Message 2 of 2"},
    ]


def test_progress_is_told_in_percent() -> None:
    chunks = _data(TOOLS.stream_progress(Request(), steps=4))

    assert [chunk["progress"] for chunk in chunks] == [25.0, 50.0, 75.0, 100.0]
    assert [chunk["step"] for chunk in chunks] == [1, 2, 3, 4]
    assert {frozenset(chunk) for chunk in chunks} == {
        frozenset({"step", "total", "progress", "message", "elapsed_ms"})
    }


def test_the_numbers_are_those_of_fibonacci() -> None:
    chunks = _data(TOOLS.stream_fibonacci(Request(), count=7))

    assert [chunk["value"] for chunk in chunks] == [0, 1, 1, 2, 3, 5, 8]
    assert [chunk["index"] for chunk in chunks] == [1, 2, 3, 4, 5, 6, 7]


def test_rows_add_up() -> None:
    chunks = _data(TOOLS.generate_dataset(Request(), rows=5, chunk_size=2))

    assert [chunk["rows_in_chunk"] for chunk in chunks] == [2, 2, 1]
    assert [chunk["total_rows"] for chunk in chunks] == [2, 4, 5]
    assert all(len(chunk["data_sample"]) == 10 for chunk in chunks)
    assert all(type(number) is float for chunk in chunks for number in chunk["data_sample"])


def test_a_chunk_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="chunk_size=0"):
        next(TOOLS.generate_dataset(Request(), chunk_size=0))


def test_an_endless_stream_goes_on() -> None:
    chunks = list(islice(TOOLS.infinite_stream(Request()), 50))

    assert not any(chunk.is_final for chunk in chunks)
    assert chunks[49].data.keys() == {"message", "timestamp"}
    assert datetime.fromisoformat(chunks[49].data["timestamp"]).tzinfo is not None


@pytest.mark.parametrize(
    ("tool_name", "arguments", "pauses_s"),
    [
        ("stream_data", {"count": 3}, [1.0, 1.0]),
        ("stream_data", {"count": 2, "delay": 0.25}, [0.25]),
        ("stream_progress", {"steps": 3}, [0.5, 0.5]),
        ("stream_fibonacci", {"count": 3}, [0.05, 0.05]),
        ("generate_dataset", {"rows": 300}, [0.1, 0.1]),
    ],
)
def test_chunks_are_spaced_but_neither_the_first_nor_the_end_is_late(
    tool_name: str, arguments: dict[str, Any], pauses_s: list[float]
) -> None:
    pauses: list[float] = []
    tools = StreamingTools(pauses.append)

    list(getattr(tools, tool_name)(Request(), **arguments))

    assert pauses == pauses_s


def test_an_endless_stream_keeps_its_pace() -> None:
    pauses: list[float] = []

    list(islice(StreamingTools(pauses.append).infinite_stream(Request()), 3))

    assert pauses == [0.5, 0.5]


def test_a_stream_that_nobody_reads_any_more_waits_for_nothing() -> None:
    with abandoned_command():
        chunks = list(StreamingTools(pause).stream_data(Request(), count=2, delay=3600))

    assert len(chunks) == 2
