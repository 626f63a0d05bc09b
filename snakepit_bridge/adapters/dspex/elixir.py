"""DSPex's tools of Elixir, made usable by agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snakepit_bridge.adapters.dspex.dispatch import DSPexTool
from snakepit_bridge.adapters.dspex.results import data_in, object_in
from snakepit_bridge.adapters.dspex.shelf import TOOL, Stored, shelf_of, store
from snakepit_bridge.errors import InvalidArgumentError

if TYPE_CHECKING:
    from snakepit_bridge.session.context import Session

_JSON_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object"})


class ElixirTools:
    """``register_elixir_tool``, and the tools it has registered."""

    def tools(self) -> tuple[DSPexTool, ...]:
        """The tools of this group."""
        return (DSPexTool("register_elixir_tool", self.register_elixir_tool),)

    def register_elixir_tool(  # noqa: PLR0913  (the tool's own parameters)
        self,
        session: Session,
        *,
        name: str,
        function: Any = None,
        description: str = "",
        parameters: dict[str, Any] | list[Any] | str | None = None,
        exposed_to_python: bool = True,
    ) -> dict[str, Any]:
        """Tell of a tool that Elixir offers to the session; agents made from now on may use it.

        Args:
            session: The session.
            name: The tool's, by which Elixir knows it.
            function: Whatever Elixir calls its function; kept.
            description: For the language model.
            parameters: A list of ``{"name", "type", "description", "required"}``, or a JSON schema.
            exposed_to_python: Whether agents may use it.
        """
        if not name.isidentifier():
            raise InvalidArgumentError(
                f"{name!r} is no name that a language model can call.",
                {"argument": "name", "hint": "Letters, digits and underscores; a letter first."},
            )
        told = {
            "name": name,
            "function": function,
            "description": description,
            "parameters": _schema(parameters),
            "exposed_to_python": exposed_to_python,
        }
        store(session, TOOL + name, Stored(type="dict", data=told))
        return {"success": True, "tool_name": name, "registered": True}

    def registered(self, session: Session) -> list[dict[str, Any]]:
        """The tools that agents may use, as ``dspy.create_instance`` takes them."""
        return [
            _spec(thing.data)
            for name, thing in shelf_of(session).listed()
            if name.startswith(TOOL) and thing.data["exposed_to_python"]
        ]


def _spec(told: Mapping[str, Any]) -> dict[str, Any]:
    spec = {"tool": told["name"], "name": told["name"], "parameters": told["parameters"]}
    return {**spec, "description": told["description"]} if told["description"] else spec


def _schema(parameters: Any) -> dict[str, Any]:
    """The parameters as a JSON schema of an object.

    Raises:
        InvalidArgumentError: They are described in no known way.
    """
    said = data_in(parameters, "parameters")
    if isinstance(said, list):
        return _schema_of_list(said)
    given = object_in(said, "parameters")
    if given.get("type") == "object" or "properties" in given:
        return {"type": "object", **given}
    # A map of names to what is said of them.
    return {"type": "object", "properties": {name: _typed(each) for name, each in given.items()}}


def _schema_of_list(parameters: list[Any]) -> dict[str, Any]:
    wrong = [each for each in parameters if not (isinstance(each, dict) and "name" in each)]
    if wrong:
        raise InvalidArgumentError(
            f"Wrong 'parameters': {wrong[0]!r} has no 'name'.",
            {"argument": "parameters", "hint": 'E.g. [{"name": "query", "type": "string"}].'},
        )
    return {
        "type": "object",
        "properties": {str(each["name"]): _typed(each) for each in parameters},
        "required": [str(each["name"]) for each in parameters if each.get("required", True)],
    }


def _typed(said: Any) -> dict[str, Any]:
    if not isinstance(said, dict):
        said = {"type": said}
    schema = {}
    if str(said.get("type")) in _JSON_TYPES:
        schema["type"] = str(said["type"])
    if said.get("description"):
        schema["description"] = str(said["description"])
    return schema
