"""Whether a state fits one part of a program: every reason why not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from snakepit_bridge.handlers.dspy.models.options import LMOptions
from snakepit_bridge.handlers.dspy.states.data import JsonForm
from snakepit_bridge.handlers.dspy.states.envelope import CONFIG, parameter_state
from snakepit_bridge.nearest import nearest

MOST_SHOWN = 50
"""Problems listed in one error, and fields in one problem."""

LISTS = ("demos", "traces", "train")

CARRIED = ("signature", *LISTS, "fields", "config")
"""Attributes of a predictor that a state sets."""

_LONGEST = 100
"""Characters of a name that are shown."""

_NEEDED = ("signature", "demos")

_OPTION_TYPES = {
    each.name: each.type for each in msgspec.structs.fields(LMOptions) if each.name in CONFIG
}


class Place:
    """Where in a state something is, for people."""

    def __init__(self, name: str) -> None:
        self._name = name

    def of(self, part: str) -> str:
        """A part of it."""
        return repr(f"{self._name}.{part}" if self._name else part)


class StateCheck:
    """Compares states with the parts of a program they are meant for.

    Args:
        dspy: The module.
        drops_lm: Whether a language model in a state is noted as a warning, or as a problem.
    """

    def __init__(self, dspy: Any, *, drops_lm: bool) -> None:
        self._dspy = dspy
        self._drops_lm = drops_lm
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def unknown(self, what: str, shown: str, name: str, known: Iterable[str]) -> None:
        """Note that a name is not among the known ones."""
        # Looking for what is near takes long, and somebody may send a million names.
        shows = len(self.problems) < MOST_SHOWN
        near = nearest(name[:_LONGEST], known) if shows else None
        meant = f" (did you mean {near!r}?)" if near else ""
        self.problems.append(f"the {what} {shown} is unknown{meant}")

    def check(self, place: Place, parameter: Any, state: dict[str, Any]) -> None:
        """Look at the state of one part of a program, and note everything."""
        if not isinstance(parameter, self._dspy.Predict):
            self._check_unchanged(place, parameter, state, state.keys())
            return
        self.problems += [f"{place.of(name)} is missing" for name in _NEEDED if name not in state]
        self._check_unchanged(place, parameter, state, state.keys() - {*CARRIED, "lm"})
        if "signature" in state:
            self._check_signature(place, parameter.signature, state["signature"])
        for name in LISTS:
            if not isinstance(state.get(name, []), list):
                self.problems.append(f"{place.of(name)} is no list")
        self._check_demos(place, state.get("demos"))
        for name in ("fields", "config"):
            if not isinstance(state.get(name, {}), dict):
                self.problems.append(f"{place.of(name)} is no object")
        self._check_config(place, state.get("config"))
        self._check_lm(place, state.get("lm"))

    def _check_unchanged(
        self, place: Place, parameter: Any, state: dict[str, Any], names: Iterable[str]
    ) -> None:
        """Parts of a state that somebody's own class has may come back, but as they are."""
        names = sorted(names)
        if not names:
            return
        present = JsonForm(self._dspy).of(parameter_state(self._dspy, parameter))
        for name in names:
            if name not in present:
                self.problems.append(f"{place.of(name[:_LONGEST])} is unknown")
            elif present[name] != state[name]:
                self.problems.append(f"{place.of(name)} cannot be changed by a state")

    def _check_signature(self, place: Place, signature: Any, state: Any) -> None:
        where = place.of("signature")
        if not isinstance(state, dict) or not isinstance(state.get("fields"), list):
            self.problems.append(f"{where} is no object with 'instructions' and 'fields'")
            return
        if not isinstance(state.get("instructions"), str):
            self.problems.append(f"{where}: 'instructions' is no text")
        for name in sorted(state.keys() - {"instructions", "fields"}):
            self.problems.append(f"{where}: {name!r} is unknown")
        self._check_fields(where, list(signature.fields), state["fields"])

    def _check_fields(self, where: str, names: list[str], fields: list[Any]) -> None:
        for index, field in enumerate(fields):
            if not _is_field(field):
                self.problems.append(
                    f"{where}: field {index} is no object of the texts 'name', 'prefix' and "
                    "'description'"
                )
                return
        given = [field.get("name", name) for field, name in zip(fields, names, strict=False)]
        if len(fields) != len(names) or given != names:
            told = [field.get("name", "?")[:_LONGEST] for field in fields[:MOST_SHOWN]]
            self.problems.append(
                f"{where} has the fields {', '.join(told)}, the program {', '.join(names)}"
            )

    def _check_demos(self, place: Place, demos: Any) -> None:
        for index, demo in enumerate(demos if isinstance(demos, list) else ()):
            if not isinstance(demo, dict):
                self.problems.append(f"{place.of('demos')}: demo {index} is no object")

    def _check_config(self, place: Place, config: Any) -> None:
        for name, value in config.items() if isinstance(config, dict) else ():
            if name not in CONFIG:
                self.unknown("option", place.of("config." + name[:_LONGEST]), name, CONFIG)
                continue
            try:
                msgspec.convert(value, _OPTION_TYPES.get(name, Any))
            except msgspec.ValidationError as error:
                self.problems.append(f"{place.of('config')}: {name!r} is wrong ({error})")

    def _check_lm(self, place: Place, lm: Any) -> None:
        if lm is None:
            return
        if self._drops_lm:
            self.warnings.append(
                f"{place.of('lm')} was left out: what the session uses, 'dspy.configure' says."
            )
        else:
            self.problems.append(
                f"{place.of('lm')} is no null, and language models are the session's own"
            )


def _is_field(field: Any) -> bool:
    if not isinstance(field, dict) or not {"prefix", "description"} <= field.keys():
        return False
    known = field.keys() <= {"name", "prefix", "description"}
    return known and all(isinstance(value, str) for value in field.values())
