"""Several calls in one command, later ones with results of earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from snakepit_bridge.errors import (
    BridgeError,
    CommandCancelledError,
    CommandDeadlineError,
    InvalidArgumentError,
    Outcome,
    WrongCallError,
)
from snakepit_bridge.handlers.failures import failure_from
from snakepit_bridge.handlers.references import TYPE_KEY, Held
from snakepit_bridge.nearest import did_you_mean
from snakepit_bridge.session.context import Session
from snakepit_bridge.values.paths import path_text
from snakepit_bridge.values.refs import Ref

RESULT = "result"
"""The tag of what stands for an earlier result."""

_TAKES_ANY = frozenset({"ref", "key", "value"})
"""Arguments that may be any object; of the others the binder wants to see the type."""


class BatchCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the calls."""

    command: str
    args: dict[str, Any] = {}


class Failed(msgspec.Struct, frozen=True):
    """Stands among the results for a call that has failed."""

    error: BridgeError


Run = Callable[[Session, Mapping[str, Any]], Any]


class Batch:
    """Calls that are known to be good as far as that can be told before any of them runs.

    Args:
        calls: In their order.
        commands: What may be called.
        walk: The part of a result that lies at the end of a path.

    Raises:
        InvalidArgumentError: A command is unknown, or a result is used that cannot be there yet;
            the message says where.
    """

    def __init__(
        self,
        calls: Sequence[BatchCall],
        commands: Mapping[str, Run],
        walk: Callable[[Any, Sequence[Any]], Any],
    ) -> None:
        self._calls = calls
        self._commands = commands
        self._walk = walk
        self._uses_results = [self._check(index, call) for index, call in enumerate(calls)]

    def run(self, session: Session, *, stop_on_error: bool) -> list[Any]:
        """Run them one after the other, in this thread.

        Returns:
            For each the object it gave, or a ``Failed``.

        Raises:
            BridgeError: The first failure, if that stops the batch; ``details["index"]`` says
                which call it was.
            CommandCancelledError: Nobody waits any more.
            CommandDeadlineError: The deadline has passed between two calls.
        """
        results: list[Any] = []
        for index, call in enumerate(self._calls):
            _stop_if_unwanted(session)
            try:
                args = self._args(call, results) if self._uses_results[index] else call.args
                results.append(self._commands[call.command](session, args))
            except Exception as error:
                failure = failure_from(error, command=call.command)
                if stop_on_error or _ends_the_command(failure):
                    failure.details["index"] = index
                    raise failure from error
                results.append(Failed(failure))
        return results

    # --- before anything runs -------------------------------------------------------------------

    def _check(self, index: int, call: BatchCall) -> bool:
        """Whether the call uses results."""
        if call.command not in self._commands:
            hint = did_you_mean(
                call.command[:200],
                self._commands,
                otherwise=f"There are {', '.join(sorted(self._commands))}.",
            )
            text = f"$.calls[{index}].command cannot be {call.command[:200]!r} in a batch."
            raise InvalidArgumentError(text, {"index": index, "hint": hint})
        return self._check_values(call.args, ["calls", index, "args"])

    def _check_values(self, value: Any, place: list[Any]) -> bool:
        uses_results = False
        if isinstance(value, dict):
            if value.get(TYPE_KEY) == RESULT:
                _check_result(value, place)
                return True
            for key, each in value.items():
                step = key if isinstance(key, (str, int)) else repr(key)
                uses_results |= self._check_values(each, [*place, step])
        elif isinstance(value, (list, tuple)):
            for number, each in enumerate(value):
                if isinstance(each, (dict, list, tuple)):
                    uses_results |= self._check_values(each, [*place, number])
        return uses_results

    # --- while they run -------------------------------------------------------------------------

    def _args(self, call: BatchCall, results: Sequence[Any]) -> dict[str, Any]:
        args = {name: self._with_results(value, results) for name, value in call.args.items()}
        return {
            name: _unpacked(value) if isinstance(value, Held) and name not in _TAKES_ANY else value
            for name, value in args.items()
        }

    def _with_results(self, value: Any, results: Sequence[Any]) -> Any:
        if isinstance(value, dict):
            if value.get(TYPE_KEY) == RESULT:
                return self._part(results, value["index"], value.get("path") or ())
            return {key: self._with_results(each, results) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self._with_results(each, results) for each in value)
        return value

    def _part(self, results: Sequence[Any], index: int, path: Sequence[Any]) -> Held:
        result = results[index]
        if isinstance(result, Failed):
            raise WrongCallError(
                f"The result of call {index} is not there, because that call has failed.",
                {"depends_on": index, "hint": f"See its error: {result.error.message}"},
            )
        kept = result if isinstance(result, Ref) and not path else ""
        return Held(self._walk(result, path), kept)


def as_entry(failed: Failed) -> dict[str, Any]:
    """What a failed call is answered with."""
    error = failed.error
    return {
        "error": {
            "code": str(error.code),
            "type": error.type_name,
            "message": error.message,
            "hint": error.hint,
            "retryable": error.retryable,
            "error_id": error.error_id,
        }
    }


def _unpacked(held: Held) -> Any:
    """A result as its type wants to be seen; what lies in it still is a result."""
    value = held.instance
    if isinstance(value, (list, tuple)):
        return [Held(each) for each in value]
    if isinstance(value, dict):
        return {name: Held(each) for name, each in value.items()}
    return value


def _check_result(tagged: Mapping[str, Any], place: list[Any]) -> None:
    index, path = tagged.get("index"), tagged.get("path")
    own = place[1]
    if type(index) is not int or not 0 <= index < own:
        earlier = f"0 to {own - 1}" if own else "none, for it is the first"
        raise _wrong(place, f"stands for the result of call {index!r}", f"Earlier are {earlier}.")
    if path is not None and not isinstance(path, (list, tuple)):
        raise _wrong(place, "has a path that is no list", 'Write "path": ["name", 0].')
    unknown = tagged.keys() - {TYPE_KEY, "__schema__", "index", "path"}
    if unknown:
        listed = ", ".join(sorted(map(repr, unknown)))
        raise _wrong(place, f"has {listed}", 'A result has "index" and "path" only.')


def _wrong(place: list[Any], why: str, hint: str) -> InvalidArgumentError:
    where = path_text(place)
    return InvalidArgumentError(f"{where} {why}.", {"place": where, "hint": hint})


def _ends_the_command(error: BridgeError) -> bool:
    return isinstance(error, (CommandCancelledError, CommandDeadlineError))


def _stop_if_unwanted(session: Session) -> None:
    error: BridgeError | None = None
    if session.cancelled:
        error = CommandCancelledError("The batch was cancelled between two of its calls.")
    elif session.remaining_s is not None and session.remaining_s <= 0:
        error = CommandDeadlineError(
            "The deadline passed between two calls of the batch.",
            {"hint": "Give it more time, or send fewer calls at once."},
        )
    if error is not None:
        error.outcome = Outcome.STOPPED
        raise error
