from __future__ import annotations

import pytest

from snakepit_bridge.values.nesting import Nesting
from snakepit_bridge.values.refusals import MAX_DEPTH, CannotWriteError


class Pass(Nesting):
    def visit(self, value: list[object], max_depth: int = MAX_DEPTH) -> None:
        self._enter(value, max_depth)
        for member in value:
            if isinstance(member, list):
                self.visit(member, max_depth)
        self._leave(value)


def test_a_value_may_stand_in_several_places() -> None:
    shared: list[object] = []

    Pass().visit([shared, [shared], shared])


def test_a_value_inside_of_itself_is_refused() -> None:
    circle: list[object] = []
    circle.append([circle])

    with pytest.raises(CannotWriteError, match="contains itself"):
        Pass().visit(circle)


def test_the_levels_have_an_end() -> None:
    Pass().visit([[]], max_depth=2)

    with pytest.raises(CannotWriteError, match="nested deeper"):
        Pass().visit([[[]]], max_depth=2)


def test_half_a_character_is_refused() -> None:
    assert Pass().text("grün") == "grün"

    with pytest.raises(CannotWriteError, match="lone surrogate"):
        Pass().text("\ud800")
