"""Every known defect of Snakepit's own worker has a test that it would fail."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source_tree import ROOT

DEFECTS = {f"D{number}" for number in range(1, 55)}
"""As they are numbered where the behaviour of that worker is written down."""


def _marked(source: str) -> Iterator[str]:
    """The defects that the tests of a module are marked with."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr="defect"), args=names):
                yield from (str(name.value) for name in names if isinstance(name, ast.Constant))


def test_no_defect_is_without_a_test() -> None:
    modules = (ROOT / "tests").rglob("test_*.py")
    marked = {name for path in modules for name in _marked(path.read_text())}

    assert marked == DEFECTS


@pytest.mark.parametrize(
    ("line", "marked"),
    [
        ('@pytest.mark.defect("D1")\ndef test(): ...', ["D1"]),
        ('@pytest.mark.defect("D1", "D2")\ndef test(): ...', ["D1", "D2"]),
        ('pytest.param(1, marks=pytest.mark.defect("D3"))', ["D3"]),
        ('pytestmark = pytest.mark.defect("D4")', ["D4"]),
        ('"D5"', []),
    ],
)
def test_a_mark_is_found_wherever_it_stands(line: str, marked: list[str]) -> None:
    assert list(_marked(line)) == marked
