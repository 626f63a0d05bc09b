from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.errors import NotAllowedError
from snakepit_bridge.handlers.python.describe import MAX_DOCS
from tests.unit.handlers.python.bench import Bench
from tests.unit.handlers.python.packages import workbench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with workbench(tmp_path):
        yield Bench("workbench", "numpy", "math", "collections")


def described(bench: Bench, target: str) -> dict[str, Any]:
    return bench.handler.describe(bench.session, target=target)


def test_a_function_tells_its_parameters(bench: Bench) -> None:
    shown = described(bench, "workbench.add")

    assert shown == {
        "name": "workbench.add",
        "kind": "function",
        "signature": "(a: int, b: int = 1, *, scale: float = 1.0) -> float",
        "parameters": {
            "type": "object",
            "properties": {
                "a": {"type": "integer"},
                "b": {"type": "integer", "default": 1},
                "scale": {"type": "number", "default": 1.0},
            },
            "required": ["a"],
            "additionalProperties": False,
        },
        "docs": "Add two numbers.\n\nAnd scale them.",
        "members": [],
    }


def test_a_module_shows_what_may_be_used_of_it(bench: Bench) -> None:
    shown = described(bench, "workbench")
    members = {each["name"]: each for each in shown["members"]}

    assert (shown["kind"], shown["docs"]) == ("module", "Things to work with.")
    assert members["Thing"] == {"name": "Thing", "kind": "class", "docs": "A thing with a name."}
    assert members["add"] == {"name": "add", "kind": "function", "docs": "Add two numbers."}
    assert members["LIMIT"] == {"name": "LIMIT", "kind": "instance", "docs": ""}
    assert members["sub"]["kind"] == "module"
    assert not members.keys() & {"os", "subprocess", "functools", "SYSTEM", "getLogger", "log"}


def test_a_class_shows_its_public_members_and_those_it_inherits(bench: Bench) -> None:
    shown = described(bench, "workbench.Thing")
    kinds = {each["name"]: each["kind"] for each in shown["members"]}

    assert shown["kind"] == "class"
    assert shown["parameters"]["properties"] == {
        "name": {"type": "string", "default": "a"},
        "size": {"type": "integer", "default": 1},
    }
    assert kinds == {
        "Inner": "class",
        "broken": "property",
        "itself": "function",
        "kind": "instance",
        "loud": "property",
        "named": "function",
        "upper": "function",
    }


def test_an_object_is_described_without_running_its_code(bench: Bench) -> None:
    ref = bench.create("workbench.Thing")

    shown = bench.handler.describe(bench.session, ref=ref)

    assert (shown["name"], shown["kind"]) == ("workbench.Thing", "instance")
    assert (shown["signature"], shown["parameters"]) == ("", None)
    assert {"broken", "name"} <= {each["name"] for each in shown["members"]}


def test_what_is_written_in_c_is_described_as_far_as_it_tells(bench: Bench) -> None:
    assert described(bench, "math.sqrt")["docs"] == "Return the square root of x."
    assert described(bench, "math.hypot")["parameters"] is None
    assert described(bench, "numpy.linalg.norm")["name"] == "numpy.linalg.norm"
    assert described(bench, "numpy.linalg.norm")["kind"] == "function"
    assert described(bench, "numpy.sin")["kind"] == "function"
    assert described(bench, "collections.Counter")["parameters"]["additionalProperties"] is True
    assert described(bench, "math.pi")["kind"] == "instance"


def test_long_docs_are_bounded(bench: Bench) -> None:
    assert len(described(bench, "numpy.einsum")["docs"]) <= MAX_DOCS


def test_annotations_that_are_texts_are_shown_and_not_understood(tmp_path: Path) -> None:
    (tmp_path / "odd_hints.py").write_text(
        "from __future__ import annotations\n"
        "def f(a: Missing, b: int = 1): return a\n"
        "def g(a: complex, b: 'list[int]' = ()): return a\n"
    )
    (tmp_path / "real_hints.py").write_text(
        "from typing import Any, Literal\n"
        "class Own: pass\n"
        "def f(a: list[int] | None, b: Literal['x', 1], c: dict[str, 'int'], d: Own, e: Any): ...\n"
    )
    with workbench(tmp_path):
        bench = Bench("odd_hints", "real_hints")

        assert described(bench, "odd_hints.f")["parameters"]["properties"] == {
            "a": {},
            "b": {"default": 1},
        }
        assert described(bench, "odd_hints.g")["parameters"]["properties"] == {
            "a": {},
            "b": {},
        }
        assert "list[int]" in described(bench, "odd_hints.g")["signature"]
        real = described(bench, "real_hints.f")["parameters"]["properties"]
        assert real["a"] == {
            "anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]
        }
        assert sorted(real["b"]["enum"], key=str) == [1, "x"]
        assert (real["c"], real["d"], real["e"]) == ({}, {}, {})


def test_what_is_not_allowed_is_not_described(bench: Bench) -> None:
    with pytest.raises(NotAllowedError):
        described(bench, "os")
    with pytest.raises(NotAllowedError):
        bench.handler.describe(bench.session, ref=bench.create("workbench.module"))
