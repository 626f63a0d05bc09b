from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from snakepit_bridge.adapters.showcase.binary_tools import (
    BinaryTools,
    encoding_of,
    process_binary,
)
from tests.unit.adapters.showcase.request import Request, abandoned_command

TOOLS = BinaryTools()


@pytest.mark.parametrize(("size_bytes", "encoding"), [(10_240, "json"), (10_241, "binary")])
def test_more_than_ten_kib_are_called_binary(size_bytes: int, encoding: str) -> None:
    assert encoding_of(size_bytes) == encoding


def test_a_tensor_is_measured() -> None:
    assert TOOLS.create_tensor(Request(), name="t", shape=[10, 20]) == {
        "name": "t",
        "shape": [10, 20],
        "size_bytes": 1600,
        "encoding": "json",
        "elements": 200,
    }


def test_a_tensor_is_said_to_be_as_large_as_asked() -> None:
    answer = TOOLS.create_tensor(Request(), name="t", shape=[2], size_bytes=20_000)

    assert (answer["size_bytes"], answer["encoding"]) == (20_000, "binary")


def test_a_shape_without_dimensions_is_one_number() -> None:
    assert TOOLS.create_tensor(Request(), name="t", shape=[])["elements"] == 1


@pytest.mark.parametrize("shape", [[-1, 2], [10_000, 10_000]])
def test_a_tensor_that_cannot_be_is_refused(shape: list[int]) -> None:
    with pytest.raises(ValueError, match=r"negative|are more than"):
        TOOLS.create_tensor(Request(), name="t", shape=shape)


def test_an_embedding_is_measured() -> None:
    answer = TOOLS.create_embedding(Request(), text="tea", dimensions=2000)

    assert answer.pop("norm") == pytest.approx(1.0)
    assert answer == {
        "text": "tea",
        "dimensions": 2000,
        "encoding": "binary",
        "size_bytes": 16_000,
    }


@pytest.mark.parametrize("dimensions", [0, 2_000_000])
def test_an_embedding_that_cannot_be_is_refused(dimensions: int) -> None:
    with pytest.raises(ValueError, match=r"at least one|are more than"):
        TOOLS.create_embedding(Request(), text="tea", dimensions=dimensions)


def test_encodings_are_compared_size_by_size() -> None:
    results = TOOLS.benchmark_encoding(Request(), start_kb=1, end_kb=21, step_kb=10)["results"]

    assert [result["size_kb"] for result in results] == [1, 11, 21]
    assert [result["encoding"] for result in results] == ["json", "binary", "binary"]
    assert [result["binary_bytes"] for result in results] == [1024, 11 * 1024, 21 * 1024]
    assert all(result["json_bytes"] > result["binary_bytes"] for result in results)
    assert {frozenset(result) for result in results} == {
        frozenset(
            {
                "size_kb",
                "elements",
                "encoding",
                "json_ms",
                "json_bytes",
                "binary_ms",
                "binary_bytes",
            }
        )
    }


def test_a_comparison_that_nobody_waits_for_ends() -> None:
    with abandoned_command():
        assert TOOLS.benchmark_encoding(Request()) == {"results": []}


def test_ten_sizes_are_compared_by_default() -> None:
    assert len(TOOLS.benchmark_encoding(Request())["results"]) == 10


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"step_kb": 0}, "step_kb=0"),
        ({"start_kb": -1}, "start_kb=-1"),
        ({"step_kb": 1, "end_kb": 2000}, "larger steps"),
        ({"step_kb": 10**6, "end_kb": 10**6}, "elements are more than"),
    ],
)
def test_a_comparison_without_end_is_refused(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        TOOLS.benchmark_encoding(Request(), **arguments)


@pytest.mark.parametrize(
    ("operation", "result"),
    [("checksum", sha256(b"\x00\xff").hexdigest()), ("size", 2), ("reverse", "ff00")],
)
@pytest.mark.defect("D50")
def test_bytes_are_looked_at(operation: str, result: Any) -> None:
    assert process_binary(b"\x00\xff", operation) == {
        "operation": operation,
        "input_size": 2,
        "result": result,
        "success": True,
    }


def test_text_counts_as_its_bytes() -> None:
    assert process_binary("\u00e9", "reverse")["result"] == "a9c3"


def test_another_operation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'zip'.*checksum, size, reverse"):
        process_binary(b"", "zip")
