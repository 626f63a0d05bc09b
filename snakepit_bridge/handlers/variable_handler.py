"""The ``variable.*`` commands: the variables of a session, wherever its host keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import SessionError
from snakepit_bridge.handlers.registry import handles

if TYPE_CHECKING:
    from snakepit_bridge.session.context import Session


class VariableHandler:
    """The ``variable.*`` commands; they run on the loop, since waiting for a host blocks nobody."""

    @handles("variable.get")
    async def get_variable(self, session: Session, *, name: str) -> Any:
        """Answer with the value of a variable.

        Raises:
            VariableError: There is none of this name; the hint is the nearest one.
        """
        return await session.aget_variable(name)

    @handles("variable.set")
    async def set_variable(  # noqa: PLR0913  (the fields of the command)
        self,
        session: Session,
        *,
        name: str,
        value: Any,
        type: str | None = None,  # noqa: A002  (the word of the wire)
        constraints: dict[str, Any] | None = None,
        expected_version: int | None = None,
    ) -> dict[str, int]:
        """Create or change a variable; answers its new version.

        A type is checked from now on, and so are constraints; without one the type is the value's.
        With an expected version (0: there is none yet) nobody else's change is overwritten.

        Raises:
            InvalidArgumentError: The value does not fit the type or the constraints.
            VersionConflictError: The variable is at another version.
            QuotaExceededError: The session's variables are as large as they may be.
            SessionError: The session ends with this command, and the variable would, too.
        """
        if session.single_use:
            raise _not_kept(name)
        version = await session.bridge_client.aset_variable(
            session_id=session.id,
            name=name,
            value=value,
            type=type,
            constraints=constraints,
            expected_version=expected_version,
        )
        return {"version": version}

    @handles("variable.list")
    async def list_variables(
        self, session: Session, *, pattern: str | None = None
    ) -> list[dict[str, Any]]:
        """List the variables, or those whose names match a shell pattern such as ``model_*``."""
        listed = await session.bridge_client.alist_variables(session_id=session.id, pattern=pattern)
        return [{"name": info.name, "type": info.type, "version": info.version} for info in listed]

    @handles("variable.delete")
    async def delete_variable(self, session: Session, *, name: str) -> bool:
        """Forget a variable; false when there was none."""
        return await session.bridge_client.adelete_variable(session_id=session.id, name=name)


def _not_kept(name: str) -> SessionError:
    return SessionError(
        f"This session ends with its command, and the variable {name!r} would end with it.",
        {
            "name": name,
            "hint": "Send a session_id with the command; any text of your choice opens one.",
        },
    )
