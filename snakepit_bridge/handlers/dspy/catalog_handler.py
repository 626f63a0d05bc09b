"""The ``dspy.*`` commands that tell what there is."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.catalog.catalog import Catalog
from snakepit_bridge.handlers.dspy.catalog.inspection import Inspection
from snakepit_bridge.handlers.dspy.catalog.models import models_of, signatures_of
from snakepit_bridge.handlers.dspy.states.data import without_secrets_in
from snakepit_bridge.handlers.registry import handles

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.workbench import Workbench
    from snakepit_bridge.session.context import Session

KindName = Literal["modules", "optimizers", "adapters", "models", "metrics", "types", "signature"]


class DSPyCatalogHandler:
    """Describes DSPy, and live instances of it; one handler serves all sessions and threads.

    Args:
        workbench: What the commands of DSPy share.
    """

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench
        self._catalog = Catalog(workbench.door, workbench.allow)

    @handles("dspy.describe")
    def describe(
        self, session: Session, *, kind: KindName | None = None, name: str | None = None
    ) -> Any:
        """Tell what DSPy offers here: names by kind, all of one kind, or one thing.

        Args:
            kind: Of which everything is told; without it only names are.
            name: One module, optimizer, adapter, metric or type, e.g. ``"ChainOfThought"``.

        Raises:
            InvalidArgumentError: There is none of this name; the hint is the nearest one.
            DSPyError: DSPy is not installed, or of another version.
        """
        del session
        if kind in ("models", "signature"):
            if name is not None:
                raise InvalidArgumentError(
                    f"The {kind!r} have no single entries.",
                    {"argument": "name", "hint": "Leave 'name' out."},
                )
            return self._whole(kind)
        if name is not None:
            return self._catalog.find(name, kind)
        if kind is not None:
            return list(self._catalog.entries_of(kind))
        return {
            **self._catalog.names(),
            **{whole: self._forms(whole) for whole in ("models", "signature")},
        }

    @handles("dspy.inspect")
    def inspect(self, session: Session, *, ref: str) -> dict[str, Any]:
        """Tell what an instance consists of: predictors, fields with JSON schemas, tools, methods.

        Raises:
            DSPyError: There is no such object, or it belongs to another session.
        """
        instance = self._workbench.instance(session, ref)
        hidden = self._workbench.models.hidden(configuration.of(session).lm)
        found: dict[str, Any] = without_secrets_in(self._inspection.of(ref, instance), hidden)
        return found

    def _whole(self, kind: str) -> dict[str, Any]:
        if kind == "models":
            return models_of(self._workbench)
        return signatures_of(self._catalog.usable("types"))

    def _forms(self, kind: str) -> list[str]:
        return [form["form"] for form in self._whole(kind)["forms"]]

    @cached_property
    def _inspection(self) -> Inspection:
        return Inspection(self._workbench.door.open(), self._catalog)
