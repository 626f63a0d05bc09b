"""The ``dspy.*`` commands for the state of programs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.states import text as state_text
from snakepit_bridge.handlers.dspy.states.change import Change
from snakepit_bridge.handlers.dspy.states.envelope import envelope, program_from
from snakepit_bridge.handlers.dspy.states.store import StateStore
from snakepit_bridge.handlers.registry import handles

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.workbench import Workbench
    from snakepit_bridge.session.context import Session


class DSPyStateHandler:
    """Reads, changes, saves the states of programs; one handler serves all sessions and threads.

    A state is JSON: instructions, texts of fields, demos, options of calls. It never holds a
    language model, a key, code, or types.

    Args:
        workbench: What the commands of DSPy share.
        directory: Where states are saved by name, shared by all callers; ``None`` saves none.
    """

    def __init__(self, workbench: Workbench, directory: Path | None) -> None:
        self._workbench = workbench
        self._store = None if directory is None else StateStore(directory)

    @handles("dspy.get_state")
    def get_state(self, session: Session, *, ref: str) -> dict[str, Any]:
        """Tell the state of a program: its instructions, demos and options, as JSON data.

        What ``dspy.set_state`` takes, in the same program or in another of the same class.

        Raises:
            DSPyError: There is no such object.
            InvalidArgumentError: It is no program, or its state has no JSON form.
        """
        program = self._program(session, ref)
        return envelope(self._workbench.door.open(), program, self._hidden(session))

    @handles("dspy.set_state")
    def set_state(self, session: Session, *, ref: str, state: dict[str, Any]) -> bool:
        """Give a program a state, wholly or, where anything in it does not fit, not at all.

        Args:
            ref: The program.
            state: As ``dspy.get_state`` answers it, or only its ``state``.

        Raises:
            DSPyError: There is no such object, or DSPy refused the state.
            InvalidArgumentError: It does not fit; names every reason.
        """
        program = self._program(session, ref)
        Change(self._workbench.door.open(), program, state).apply()
        return True

    @handles("dspy.save_state")
    def save_state(
        self, session: Session, *, ref: str, name: str | None = None
    ) -> str | dict[str, Any]:
        """Answer the state of a program as JSON text, or save it where the bridge runs.

        A saved one can be loaded by DSPy itself, too: ``program.load("NAME.json")``.

        Args:
            ref: The program.
            name: Under which to save it; one of the same name is replaced.

        Raises:
            NotAllowedError: The operator has named no directory for states.
            InvalidArgumentError: The name is none, or the object no program.
            QuotaExceededError: Too many states are saved.
        """
        store = None if name is None else self._saved()
        found = self.get_state(session, ref=ref)
        if store is None or name is None:
            return state_text.text_of(found).decode()
        data = state_text.dspy_text_of(self._workbench.door.open(), found)
        saved = store.save(name, data)
        return {"name": saved.name, "bytes": saved.bytes}

    @handles("dspy.load_state")
    def load_state(
        self, session: Session, *, ref: str, data: Any = None, name: str | None = None
    ) -> dict[str, Any]:
        """Give a program a state from JSON text, or one that was saved; also from DSPy's own files.

        Answers warnings where other versions of DSPy or Python have written it.

        Args:
            ref: The program.
            data: Bytes or text, as ``dspy.save_state`` answers it, or DSPy's ``save("x.json")``.
            name: Of a saved state; send it or ``data``.

        Raises:
            NotAllowedError: The operator has named no directory for states.
            InvalidArgumentError: There is no such state, or it does not fit; names every reason.
        """
        if (data is None) == (name is None):
            raise InvalidArgumentError(
                "A state is loaded from 'data' or from a 'name', one of both.",
                {"hint": "Send 'data' with the text of a state, or 'name' of a saved one."},
            )
        text = _bytes(data) if name is None else self._saved().read(name)
        program = self._program(session, ref)
        change = Change(self._workbench.door.open(), program, state_text.read(text), drops_lm=True)
        change.apply()
        return {"loaded": True, "warnings": change.warnings}

    @handles("dspy.list_states")
    def list_states(self, session: Session) -> list[dict[str, Any]]:
        """List the saved states, whoever saved them: name, bytes, and when.

        Raises:
            NotAllowedError: The operator has named no directory for states.
        """
        del session
        return [each.shown() for each in self._saved().listed()]

    @handles("dspy.delete_state")
    def delete_state(self, session: Session, *, name: str) -> bool:
        """Remove a saved state; false when there was none.

        Raises:
            NotAllowedError: The operator has named no directory for states.
            InvalidArgumentError: The name is none.
        """
        del session
        return self._saved().delete(name)

    def _program(self, session: Session, ref: str) -> Any:
        instance = self._workbench.instance(session, ref)
        return program_from(self._workbench.door.open(), instance)

    def _hidden(self, session: Session) -> Collection[str]:
        return self._workbench.models.hidden(configuration.of(session).lm)

    def _saved(self) -> StateStore:
        if self._store is None:
            raise NotAllowedError(
                "The bridge saves no states by name.",
                {
                    "hint": "The operator allows it with --dspy-state-dir DIR; or leave 'name' out "
                    "and keep the answer yourself."
                },
            )
        return self._store


def _bytes(data: Any) -> bytes:
    if isinstance(data, str):
        return data.encode(errors="surrogatepass")  # refused as JSON, with everything else
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise InvalidArgumentError(
        f"'data' is a {type(data).__name__}, not bytes or text.",
        {"argument": "data", "hint": "Data that are JSON already go to 'dspy.set_state'."},
    )
