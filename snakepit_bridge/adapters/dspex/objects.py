"""DSPex's tools that tell of a session, or of what is stored in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakepit_bridge.adapters.dspex.dispatch import DSPexTool
from snakepit_bridge.adapters.dspex.shelf import (
    DEFAULT_LM,
    Stored,
    check_name,
    release,
    shelf_of,
    store,
)
from snakepit_bridge.errors import DSPyError
from snakepit_bridge.handlers.dspy import configuration

if TYPE_CHECKING:
    from snakepit_bridge.adapters.dspex.bench import Bench
    from snakepit_bridge.session.context import Session

_SETTINGS = (
    *("lm", "rm", "trace", "explain", "demonstrate", "backoff_time", "branch_idx"),
    *("trace_settings", "force_rerun", "compiling"),
)
"""Settings of DSPy 2; those that are gone are null."""

_PLAIN = (str, int, float, bool, type(None))


class ObjectTools:
    """``check_dspy`` and ``ping``; ``store_object`` and what else looks after stored things.

    Args:
        bench: What they work with.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def tools(self) -> tuple[DSPexTool, ...]:
        """The tools of this group."""
        functions = (
            *(self.check_dspy, self.ping, self.get_settings, self.get_stats),
            *(self.store_object, self.retrieve_object, self.list_stored_objects),
            self.reset_state,
        )
        return tuple(DSPexTool(function.__name__, function) for function in functions)

    # --- how things are -------------------------------------------------------------------------

    def check_dspy(self, _session: Session, /) -> dict[str, Any]:
        """Whether DSPy can be used, its version, and the names it has."""
        try:
            dspy = self._bench.dspy()
        except DSPyError as error:
            return {"available": False, "error": error.message, "hint": error.hint}
        return {"available": True, "version": str(dspy.__version__), "modules": dir(dspy)}

    def ping(self, session: Session) -> dict[str, Any]:
        """An answer at once; imports nothing."""
        return {"status": "ok", "dspy_available": self._bench.is_available, **_counts(session)}

    def get_settings(self, session: Session) -> dict[str, Any]:
        """What the session's calls run with, in the names of DSPy 2."""
        dspy = self._bench.dspy()
        chosen = configuration.of(session)
        with chosen.applied(dspy):
            found = {name: dspy.settings.get(name) for name in _SETTINGS}
        if found["lm"] is not None:
            found["lm"] = str(found["lm"].model)
        return {
            name: value if isinstance(value, _PLAIN) else str(value)
            for name, value in found.items()
        }

    def get_stats(self, session: Session) -> dict[str, Any]:
        """How much is stored, and whether there is a language model."""
        available = self._bench.is_available
        shelf = shelf_of(session)
        stats = {
            "dspy_available": available,
            **_counts(session),
            "programs": shelf.programs(),
            "has_lm": shelf.has(DEFAULT_LM),
            "dspy_version": str(self._bench.dspy().__version__) if available else None,
            "has_configured_lm": configuration.of(session).lm is not None,
        }
        return {"success": True, "stats": stats}

    # --- stored things --------------------------------------------------------------------------

    def store_object(
        self, session: Session, *, name: str, data: Any, object_type: str = ""
    ) -> dict[str, Any]:
        """Keep data under a name.

        Args:
            session: The session.
            name: What to call it; what had the name makes room.
            data: Any data.
            object_type: Not used; for those who send it.
        """
        del object_type
        check_name(name)
        store(session, name, Stored(type=type(data).__name__, data=data))
        return {"success": True, "name": name}

    def retrieve_object(self, session: Session, *, name: str) -> dict[str, Any]:
        """What is stored under a name, as text."""
        thing = shelf_of(session).find(name)
        value = session.instances.get(thing.ref) if thing.ref else thing.data
        return {"success": True, "name": name, "type": thing.type, "info": str(value)}

    def list_stored_objects(self, session: Session) -> dict[str, Any]:
        """All names of the session, the oldest first."""
        listed = [{"name": name, "type": thing.type} for name, thing in shelf_of(session).listed()]
        return {"success": True, "objects": listed}

    def reset_state(self, session: Session) -> dict[str, Any]:
        """Forget everything that is stored; the language model stays configured."""
        for thing in shelf_of(session).clear():
            release(session, thing)
        return {"status": "reset"}


def _counts(session: Session) -> dict[str, int]:
    shelf = shelf_of(session)
    return {
        "programs_count": len(shelf.programs()),
        "stored_objects_count": len(shelf.listed()),
    }
