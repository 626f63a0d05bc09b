"""Which optimiser may work on a variable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from snakepit_bridge.errors import InvalidArgumentError, WrongCallError
from snakepit_bridge.session.variable_changes import check_metadata
from snakepit_bridge.session.variable_data import shown
from snakepit_bridge.session.variable_records import Claim

Decide: TypeAlias = Callable[[Claim | None], Claim | None]
"""From the claim there is to the one there shall be."""


def claiming(name: str, new: Claim) -> Decide:
    """Let an optimiser work on a variable; it keeps the claim that it has.

    Raises:
        InvalidArgumentError: It has no name, or its configuration is too long.
    """
    if not new.optimizer_id:
        hint = "Send an optimizer_id of your choice."
        raise InvalidArgumentError("The optimiser has no name.", {"hint": hint})
    check_metadata({"optimizer_id": new.optimizer_id, **new.config})

    def decide(before: Claim | None) -> Claim:
        if before is None:
            return new
        if before.optimizer_id == new.optimizer_id:
            return before
        raise WrongCallError(
            f"Optimiser {shown(before.optimizer_id)} works on variable {shown(name)} already.",
            {
                "name": name,
                "optimizer_id": before.optimizer_id,
                "optimization_id": before.id,
                "hint": "Wait for it, or stop it first.",
            },
        )

    return decide


def releasing(name: str, *, force: bool) -> Decide:
    """Let nobody work on a variable any more.

    Args:
        name: The variable.
        force: Whether it is all right when nobody does.
    """

    def decide(before: Claim | None) -> None:
        if before is None and not force:
            raise WrongCallError(
                f"No optimiser works on variable {shown(name)}.",
                {"name": name, "hint": "Send force, if that is all right."},
            )

    return decide
