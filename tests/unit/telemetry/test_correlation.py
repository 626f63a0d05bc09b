from __future__ import annotations

import re
from contextvars import copy_context

import pytest

from snakepit_bridge.telemetry.correlation import (
    CORRELATION_HEADER,
    get_correlation_id,
    new_correlation_id,
    reset_correlation_id,
    set_correlation_id,
)


def test_a_new_id_is_32_hexadecimal_digits_and_its_own() -> None:
    first, second = new_correlation_id(), new_correlation_id()

    assert re.fullmatch("[0-9a-f]{32}", first)
    assert first != second


def test_an_id_counts_until_it_is_taken_back() -> None:
    outer = set_correlation_id("outer")
    inner = set_correlation_id("inner")

    seen = [get_correlation_id()]
    reset_correlation_id(inner)
    seen.append(get_correlation_id())
    reset_correlation_id(outer)

    assert seen == ["inner", "outer"]
    assert get_correlation_id() is None


@pytest.mark.defect("D49")
def test_without_a_token_there_is_no_id_any_more() -> None:
    set_correlation_id("outer")
    set_correlation_id("inner")

    reset_correlation_id()
    reset_correlation_id(None)

    assert get_correlation_id() is None


@pytest.mark.parametrize("nothing", [None, ""])
def test_without_an_id_the_default_is_answered(nothing: str | None) -> None:
    token = set_correlation_id(nothing)

    assert get_correlation_id("-") == "-"
    reset_correlation_id(token)


def test_an_id_belongs_to_its_context() -> None:
    copy_context().run(set_correlation_id, "elsewhere")

    assert get_correlation_id() is None


def test_the_header_is_the_one_that_snakepit_sends() -> None:
    assert CORRELATION_HEADER == "x-snakepit-correlation-id"
