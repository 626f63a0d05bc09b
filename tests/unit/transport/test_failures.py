from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge import errors
from snakepit_bridge.errors import BridgeError, DSPyError, ErrorCode, HandlerFailedError, Outcome
from snakepit_bridge.transport.envelope import Failure
from snakepit_bridge.transport.failures import (
    MAX_DETAILS,
    MAX_MESSAGE,
    error_from,
    failure_of,
)

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type)]
KINDS = [kind for kind in KINDS if issubclass(kind, BridgeError)]


class Opaque:
    """No JSON can carry it, nor say anything about it."""

    def __repr__(self) -> str:
        raise NotImplementedError


# --- there and back -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_arrives_as_it_was_raised(kind: type[BridgeError]) -> None:
    error = kind("it broke", {"where": "here", "hint": "Look there.", "rows": [1, None]})
    error.retry_after_s = 2.5
    error.outcome = Outcome.ABANDONED

    again = error_from(failure_of(error))

    assert type(again) is kind
    assert (again.message, again.hint, again.details) == (error.message, error.hint, error.details)
    assert again.code is error.code
    assert again.error_id == error.error_id
    assert (again.retryable, again.retry_after_s) == (error.retryable, 2.5)
    assert again.outcome is Outcome.ABANDONED
    assert again.type_name == kind.__name__


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_arrives_whatever_class_it_came_with(code: ErrorCode) -> None:
    again = error_from(failure_of(BridgeError("it broke", code=code)))

    assert again.code is code
    assert type(again).code is code
    assert again.type_name == "BridgeError"


def test_the_error_of_user_code_arrives_with_its_type_and_traceback() -> None:
    error = HandlerFailedError("'c' raised ValueError: no")
    error.foreign_type, error.foreign_traceback = "ValueError", "Traceback: ..."

    again = error_from(failure_of(error))

    assert type(again) is HandlerFailedError
    assert (again.foreign_type, again.foreign_traceback) == ("ValueError", "Traceback: ...")


def test_an_error_that_took_over_a_kind_arrives_as_of_that_kind() -> None:
    again = error_from(failure_of(DSPyError("no ref", code=ErrorCode.INSTANCE_NOT_FOUND)))

    assert isinstance(again, errors.InstanceNotFoundError)
    assert again.type_name == "DSPyError"


def test_a_failure_of_a_newer_bridge_is_an_error_all_the_same() -> None:
    newer = Failure(code="TOO_NEW", type="NewerError", message="it broke", outcome="vanished")

    error = error_from(newer)

    assert type(error) is BridgeError
    assert error.code is ErrorCode.INTERNAL
    assert (error.type_name, error.outcome) == ("NewerError", None)


def test_a_failure_without_an_id_gets_one() -> None:
    assert error_from(Failure(code="INTERNAL", type="BridgeError", message="m")).error_id


# --- what can travel ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fact", "shown"),
    [
        (10**30, 10**30),
        ([10**5000], "<list>"),
        (float("nan"), None),
        (Opaque(), "<Opaque>"),
        ([1, Opaque()], [1, "<Opaque>"]),
        ({("a",): 1}, {"<tuple>": 1}),
        ({1: 2}, {"1": 2}),
        ("half a \ud800 character", "half a \\ud800 character"),
        (["\ud800"], "<list>"),
        ((1, 2), [1, 2]),
        (b"raw", "cmF3"),
    ],
)
def test_a_fact_that_json_cannot_carry_is_shown(fact: object, shown: object) -> None:
    failure = failure_of(BridgeError("it broke", {"fact": fact, "other": "kept"}))

    assert failure.details == {"fact": shown, "other": "kept"}


def test_a_fact_that_contains_itself_is_shown() -> None:
    loop: list[Any] = []
    loop.append(loop)

    assert failure_of(BridgeError("it broke", {"loop": loop})).details == {"loop": "<list>"}


def test_a_name_of_a_fact_is_always_text() -> None:
    odd: dict[Any, Any] = {1: "one", "\ud800": "half"}

    assert failure_of(BridgeError("it broke", odd)).details == {"1": "one", "\\ud800": "half"}


def test_what_is_too_large_is_cut_or_left_out() -> None:
    """A failure larger than a message of its transport once told nothing at all."""
    error = BridgeError(
        "m" * 10_000_000, {"hint": "h" * 10_000_000, "large": "x" * 10_000_000, "small": 1}
    )

    failure = failure_of(error)

    assert len(failure.message) <= MAX_MESSAGE
    assert len(failure.hint) <= MAX_MESSAGE
    assert failure.details == {"small": 1, "left_out": 1}


def test_countless_facts_are_left_out_once_there_is_no_room() -> None:
    error = BridgeError("it broke", {f"fact {number}": "x" * 100 for number in range(10_000)})

    failure = failure_of(error)

    size_bytes = len(msgspec.json.encode(failure.details))
    assert failure.details["left_out"] > 1000
    assert size_bytes < 1.2 * MAX_DETAILS


_FACTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.text(st.characters(categories=["Cs"]))
    | st.builds(Opaque)
    | st.complex_numbers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
        | st.sets(st.integers(), max_size=2)
    ),
    max_leaves=10,
)


@given(details=st.dictionaries(st.text(), _FACTS, max_size=4), message=st.text())
def test_whatever_an_error_holds_can_be_sent_as_json(
    details: dict[str, object], message: str
) -> None:
    failure = failure_of(BridgeError(message, details))

    assert msgspec.json.decode(msgspec.json.encode(failure.details)) is not None
