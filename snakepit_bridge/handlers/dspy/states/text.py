"""States as JSON text: the bridge's own form, read as well as what DSPy saves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from snakepit_bridge.errors import InvalidArgumentError, WrongCallError
from snakepit_bridge.handlers.dspy.states.envelope import FORMAT, VERSION
from snakepit_bridge.values.json.limits import read_limited_json
from snakepit_bridge.values.refusals import CannotReadError

MAX_BYTES = 64 * 2**20
"""Of one state as text; optimized programs with hundreds of demos stay below one megabyte."""

METADATA = "metadata"
"""Where DSPy's own files say what they were written with, beside the predictors."""

_VERSIONS = "dependency_versions"

_COMPARED = ("dspy", "python")
"""What else DSPy's files name, cloudpickle, has no part in JSON."""

_PICKLE = b"\x80"
"""First byte of every pickle since protocol 2."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A state as somebody sent it, its parts told apart, nothing checked."""

    state: Any
    version: Any = None
    class_name: Any = None
    versions: Mapping[str, Any] = {}
    """Of libraries, when it was written."""

    problems: tuple[str, ...] = ()

    def warnings(self, dspy: Any) -> list[str]:
        """Which versions differ from those here."""
        here = dspy.utils.saving.get_dependency_versions()
        return [
            f"Saved with {name} {self.versions[name]!s:.40}; here is {here[name]}."
            for name in _COMPARED
            if name in self.versions and str(self.versions[name]) != here[name]
        ]


def document_from(given: Any) -> Document:
    """Tell the forms of a state apart: the full answer of ``get_state``, its ``state``, DSPy's."""
    if not isinstance(given, dict):
        return Document(state=given)
    if isinstance(given.get("format"), str):
        return _from_envelope(given)
    metadata = given.get(METADATA)
    if not isinstance(metadata, dict) or _VERSIONS not in metadata:
        return Document(state=given)
    versions = metadata[_VERSIONS]
    return Document(
        state={name: value for name, value in given.items() if name != METADATA},
        version=metadata.get("version"),
        class_name=metadata.get("class"),
        versions=versions if isinstance(versions, dict) else {},
    )


def text_of(envelope: Mapping[str, Any]) -> bytes:
    """The state as UTF-8 JSON; equal states give equal bytes.

    Raises:
        WrongCallError: It is too large.
    """
    return _written(envelope)


def dspy_text_of(dspy: Any, envelope: Mapping[str, Any]) -> bytes:
    """The same in the form that ``program.load("x.json")`` of DSPy reads, too.

    Raises:
        WrongCallError: It is too large.
    """
    state = envelope["state"]
    if METADATA in state:
        return _written(envelope)  # a predictor has the name DSPy needs for itself
    metadata = {
        _VERSIONS: dspy.utils.saving.get_dependency_versions(),
        **{name: envelope[name] for name in ("format", "version", "class")},
    }
    return _written({**state, METADATA: metadata})


def read(data: bytes) -> Any:
    """The value of a text.

    Raises:
        InvalidArgumentError: It is no JSON, too large, nested too deeply, or has a key twice.
    """
    if len(data) > MAX_BYTES:
        raise _unreadable(f"has {len(data):,} bytes; at most {MAX_BYTES:,} are read", "")
    if data.startswith(_PICKLE):
        raise _unreadable(
            "is a pickle, which may run any code",
            "Save the program as JSON: program.save('program.json').",
        )
    try:
        return read_limited_json(data, special_floats=False)
    except CannotReadError as error:
        raise _unreadable(f"cannot be read: {error}", error.hint) from error


def _from_envelope(given: dict[str, Any]) -> Document:
    problems = [
        f"{name!r} is missing" for name in ("version", "class", "state") if name not in given
    ]
    if given["format"] != FORMAT:
        problems.append(f"it has the format {given['format']!r:.200}, not {FORMAT!r}")
    unknown = given.keys() - {"format", "version", "dspy", "class", "state"}
    problems += [f"{name!r:.200} is unknown" for name in sorted(unknown)]
    return Document(
        state=given.get("state", {}),
        version=given.get("version", VERSION),
        class_name=given.get("class"),
        versions={"dspy": given["dspy"]} if "dspy" in given else {},
        problems=tuple(problems),
    )


def _written(value: Mapping[str, Any]) -> bytes:
    data = msgspec.json.encode(value, order="sorted")
    if len(data) > MAX_BYTES:
        raise WrongCallError(
            f"The state has {len(data):,} bytes; at most {MAX_BYTES:,} are saved.",
            {"bytes": len(data), "limit": MAX_BYTES, "hint": "Give the program fewer demos."},
        )
    return data


def _unreadable(why: str, hint: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"The state {why}.", {"argument": "data", "hint": hint})
