"""DSPex's programs by name, from their making to their end."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from snakepit_bridge.adapters.dspex.dispatch import DSPexTool
from snakepit_bridge.adapters.dspex.results import object_in
from snakepit_bridge.adapters.dspex.shelf import check_name, release, shelf_of, store
from snakepit_bridge.errors import InstanceNotFoundError, InvalidArgumentError
from snakepit_bridge.nearest import did_you_mean

if TYPE_CHECKING:
    from snakepit_bridge.adapters.dspex.bench import Bench
    from snakepit_bridge.adapters.dspex.elixir import ElixirTools
    from snakepit_bridge.adapters.dspex.signatures import SignatureTools
    from snakepit_bridge.session.context import Session

PROGRAM_TYPES = MappingProxyType({
    "predict": "dspy.Predict",
    "chain_of_thought": "dspy.ChainOfThought",
    "react": "dspy.ReAct",
})  # fmt: skip

_GONE = "program_of_thought"


class ProgramTools:
    """``create_program``, ``execute_program``, ``list_programs``, ``delete_program``.

    Args:
        bench: What they work with.
        signatures: Finds the signatures of programs.
        elixir: Has the tools of agents.
    """

    def __init__(self, bench: Bench, signatures: SignatureTools, elixir: ElixirTools) -> None:
        self._bench = bench
        self._signatures = signatures
        self._elixir = elixir

    def tools(self) -> tuple[DSPexTool, ...]:
        """The tools of this group."""
        return (
            DSPexTool("create_program", self.create_program),
            DSPexTool("execute_program", self.execute_program, with_traceback=True),
            DSPexTool("list_programs", self.list_programs),
            DSPexTool("delete_program", self.delete_program),
        )

    def create_program(
        self,
        session: Session,
        *,
        name: str,
        signature_name: str,
        program_type: str = "predict",
        **_ignored: Any,
    ) -> dict[str, Any]:
        """Make a program; an agent gets the tools that are registered now.

        Args:
            session: The session.
            name: What to call it; a program of that name makes room.
            signature_name: A stored signature, else the signature itself.
            program_type: ``predict``, ``chain_of_thought`` or ``react``.
        """
        self._bench.dspy()
        check_name(name)
        args: dict[str, Any] = {"signature": self._signatures.find(session, signature_name)}
        if program_type == "react":
            args["tools"] = self._elixir.registered(session)
        program = self._bench.create(session, _class_of(program_type), args)
        store(session, name, program)
        return {"success": True, "name": name, "type": program_type}

    def execute_program(
        self, session: Session, *, name: str, inputs: dict[str, Any] | str
    ) -> dict[str, Any]:
        """Run a program with the session's language model; its outputs by field."""
        self._bench.dspy()
        given = object_in(inputs, "inputs")
        program = shelf_of(session).find(name, kind="Program")
        if not program.is_program:
            raise InvalidArgumentError(
                f"{name!r} is no program, but of type {program.type!r}.",
                {"name": name, "hint": "Make one of it with 'create_program'."},
            )
        result = self._bench.call(session, program, "__call__", given)
        return {"success": True, "result": result}

    def list_programs(self, session: Session) -> dict[str, Any]:
        """The names of all programs, those made by ``call_dspy`` included."""
        return {"programs": shelf_of(session).programs()}

    def delete_program(self, session: Session, *, name: str) -> dict[str, Any]:
        """Forget a program, or whatever else is stored under this name."""
        shelf = shelf_of(session)
        thing = shelf.take(name)
        if thing is None:
            hint = did_you_mean(name, shelf.programs(), otherwise="It may be deleted already.")
            raise InstanceNotFoundError(f"Program {name!r} not found.", {"hint": hint})
        release(session, thing)
        return {"success": True}


def _class_of(program_type: str) -> str:
    if program_type == _GONE:
        raise InvalidArgumentError(
            f"The program type {_GONE!r} is deprecated in DSPy 3.4 and gone in 3.5; it runs code "
            "that a model writes. Use chain_of_thought or react.",
            {"argument": "program_type"},
        )
    found = PROGRAM_TYPES.get(program_type)
    if found is None:
        known = ", ".join(PROGRAM_TYPES)
        raise InvalidArgumentError(
            f"Unknown program type: {program_type!r}.",
            {
                "argument": "program_type",
                "hint": did_you_mean(program_type, PROGRAM_TYPES, otherwise=f"Known are: {known}."),
            },
        )
    return found
