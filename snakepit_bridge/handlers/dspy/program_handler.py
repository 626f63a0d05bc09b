"""The command that makes one program of several DSPy modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakepit_bridge.handlers.dspy.limits import check_size
from snakepit_bridge.handlers.dspy.problems import Problems
from snakepit_bridge.handlers.dspy.programs.planner import Planner
from snakepit_bridge.handlers.dspy.programs.program import program_class
from snakepit_bridge.handlers.registry import handles

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.workbench import Workbench
    from snakepit_bridge.session.context import Session
    from snakepit_bridge.session.instances import Ref

CREATE_PROGRAM = "dspy.create_program"


class DSPyProgramHandler:
    """Makes programs; one handler serves all sessions and threads.

    Args:
        workbench: What the handlers of DSPy share.
    """

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    @handles(CREATE_PROGRAM)
    def create(
        self,
        session: Session,
        *,
        steps: list[dict[str, Any]],
        outputs: dict[str, Any] | None = None,
        instructions: str | None = None,
    ) -> Ref:
        """Make one program of several modules of the session, and keep it there.

        A step is ``{"name": "search", "ref": ref}``, and may have: ``inputs``, a source for each
        input of its module; ``when``, a condition without which it is skipped and gives nulls;
        ``over``, the source of a list, for whose items the module is called one by one, ``at_once``
        of them at the same time, so that every field it gives is a list.

        A source is ``"$.question"`` (an input of the program), ``"$search.passages"`` (a field of
        an earlier step), ``"$item"`` or ``"$index"`` (with ``over``), ``{"value": 3}``,
        ``{"first": [source, ...]}`` (the first that is not null) or ``{"list": [source, ...]}``.
        Inputs without a source get the field of that name of the latest step that gives one, else
        they are inputs of the program.

        A condition is a source, ``{"source": source, "equals": value}``,
        ``{"source": source, "in": [value, ...]}`` or ``{"not": condition}``.

        Args:
            steps: In the order in which they may use each other; those that do not, run together.
            outputs: A source for each; by default the fields of the last step.
            instructions: What the program is for.

        Returns:
            The ref of the program, a module like any other.

        Raises:
            InvalidArgumentError: Names everything that is wrong, with its place.
            InstanceNotFoundError: There is no such module.
            NotAllowedError: A module is not allowed.
        """
        check_size([steps, outputs, instructions], "program")
        dspy = self._workbench.door.open()
        problems = Problems("program")
        planner = Planner(dspy, lambda ref: self._module(session, ref), problems)
        planned = planner.planned(steps, outputs)
        signature = self._workbench.creation.signatures.assembled(
            planned.inputs, planned.outputs, instructions or "", "Program"
        )
        program = program_class(dspy)(planned.plan, planned.parts, signature)
        return self._workbench.instances.register(session.id, program)

    def _module(self, session: Session, ref: Any) -> Any:
        module = self._workbench.instance(session, ref)
        # Other handlers keep objects in the same session, which their own rules let callers use.
        self._workbench.allow.check(module if isinstance(module, type) else type(module))
        return module
