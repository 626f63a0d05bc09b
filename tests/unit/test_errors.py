from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest

from snakepit_bridge import errors
from snakepit_bridge.errors import (
    BridgeError,
    CommandNotFoundError,
    DSPyError,
    ErrorCode,
    InstanceNotFoundError,
    Outcome,
    QuotaExceededError,
)


def _with_subclasses(kind: type[BridgeError]) -> Iterator[type[BridgeError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _with_subclasses(each)


OURS = [kind for kind in _with_subclasses(BridgeError) if kind.__module__ == errors.__name__]


class OutOfStockError(BridgeError):
    """What the author of a handler may write: another constructor, other attributes."""

    code = ErrorCode.QUOTA_EXCEEDED
    retryable = True

    def __init__(self, item: str, *, left: int) -> None:
        super().__init__(f"{item!r} is out of stock.", {"item": item})
        self.left = left


class CarelessError(BridgeError):
    """What the author of a handler may write in a hurry."""

    def __init__(self, item: str) -> None:
        self.item = item


# --- every error --------------------------------------------------------------------------------


def test_all_errors_are_enumerated() -> None:
    assert len(OURS) >= 19
    assert DSPyError in OURS


@pytest.mark.parametrize("kind", OURS)
def test_an_error_is_called_with_a_message_and_facts(kind: type[BridgeError]) -> None:
    error = kind("it broke", {"where": "here"})

    assert (error.message, error.details, error.hint) == ("it broke", {"where": "here"}, "")
    assert str(error) == "it broke"
    assert kind("it broke").details == {}
    assert isinstance(error.code, ErrorCode)
    assert error.type_name == kind.__name__


@pytest.mark.parametrize("kind", OURS)
def test_an_error_is_the_same_in_another_process(kind: type[BridgeError]) -> None:
    error = kind("it broke", {"where": "here", "hint": "Look there."})
    error.outcome = Outcome.ABANDONED
    error.retry_after_s = 2.5
    error.metadata = {"worker_id": "w"}
    error.foreign_type, error.foreign_traceback = "ValueError", "Traceback: ..."

    again = pickle.loads(pickle.dumps(error))

    assert type(again) is kind
    assert again.args == error.args
    assert again.error_id == error.error_id
    assert vars(again) == vars(error)
    assert str(again) == "it broke Look there."
    assert again.type_name == "ValueError"


def test_every_code_but_the_general_one_has_a_class_of_its_own() -> None:
    codes = {kind.code for kind in OURS}

    assert codes == set(ErrorCode)


# --- the id -------------------------------------------------------------------------------------


def test_an_error_keeps_the_id_it_was_first_asked_for() -> None:
    error, other = BridgeError("one"), BridgeError("two")

    assert error.error_id == error.error_id
    assert error.error_id != other.error_id
    assert len(error.error_id) == 16


def test_an_error_takes_over_the_id_of_the_same_failure_elsewhere() -> None:
    error = BridgeError("it broke")

    error.keep_id("from-there")

    assert error.error_id == "from-there"
    assert pickle.loads(pickle.dumps(error)).error_id == "from-there"


# --- code, hint, message ------------------------------------------------------------------------


def test_an_error_may_take_over_the_kind_of_another() -> None:
    error = DSPyError("no such ref", code=ErrorCode.INSTANCE_NOT_FOUND)

    assert error.code is ErrorCode.INSTANCE_NOT_FOUND
    assert DSPyError.code is ErrorCode.DSPY_FAILED
    assert pickle.loads(pickle.dumps(error)).code is ErrorCode.INSTANCE_NOT_FOUND


def test_the_facts_are_the_errors_own() -> None:
    facts = {"where": "here"}
    error = BridgeError("it broke", facts)

    error.details["more"] = 1

    assert facts == {"where": "here"}


def test_the_hint_follows_the_message() -> None:
    error = CommandNotFoundError.among("greet.sya", ["greet.say", "other"])

    assert str(error) == "No handler for command: 'greet.sya'. Did you mean 'greet.say'?"


@pytest.mark.parametrize(("message", "shown"), [(404, "404"), (None, "None"), (b"x", "b'x'")])
def test_a_message_that_is_no_text_is_made_one(message: object, shown: str) -> None:
    """Such an error once broke the boundary that was to answer it."""
    error = BridgeError(message)  # type: ignore[arg-type]  # what handlers raise is not checked

    assert error.message == str(error) == shown


def test_a_hint_that_is_no_text_is_none() -> None:
    class Evil:
        def __str__(self) -> str:
            raise NotImplementedError

    assert BridgeError("it broke", {"hint": Evil()}).hint == ""


# --- errors of other people ---------------------------------------------------------------------


def test_an_error_with_a_constructor_of_its_own_survives_the_way() -> None:
    error = OutOfStockError("vase", left=0)

    again = pickle.loads(pickle.dumps(error))

    assert type(again) is OutOfStockError
    assert (again.left, again.details, again.retryable) == (0, {"item": "vase"}, True)
    assert again.message == "'vase' is out of stock."


def test_an_error_that_forgot_its_beginning_can_still_be_answered() -> None:
    error = CarelessError("vase")

    assert (error.message, error.details, error.hint) == ("CarelessError", {}, "")
    assert str(error) == "CarelessError"
    assert error.error_id
    assert pickle.loads(pickle.dumps(error)).item == "vase"


def test_a_copy_is_the_same_failure() -> None:
    error = InstanceNotFoundError("no such ref", {"ref": "r"})

    again = copy.copy(error)

    assert (type(again), again.error_id, again.details) == (
        InstanceNotFoundError,
        error.error_id,
        {"ref": "r"},
    )


def test_what_may_be_tried_again_says_so() -> None:
    retryable = {kind.__name__ for kind in OURS if kind.retryable}

    assert QuotaExceededError.__name__ in retryable
    assert retryable == {
        "QuotaExceededError",
        "PoolFullError",
        "CommandDeadlineError",
        "HostUnavailableError",
    }
