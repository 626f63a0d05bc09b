"""One live instance, shown to people or to programs that write code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.catalog import docs as catalog_docs
from snakepit_bridge.handlers.dspy.programs.interfaces import own_signature
from snakepit_bridge.handlers.dspy.states.data import JsonForm
from snakepit_bridge.handlers.dspy.states.envelope import config_of

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.catalog.catalog import Catalog

MAX_MODULES = 1000
"""Modules of one program that are shown; agents of agents have some dozens."""


class Inspection:
    """Describes instances; safe to use from any thread.

    Args:
        dspy: The module.
        catalog: Describes types and methods.
    """

    def __init__(self, dspy: Any, catalog: Catalog) -> None:
        self._dspy = dspy
        self._catalog = catalog
        self._form = JsonForm(dspy)

    def of(self, ref: str, instance: Any) -> dict[str, Any]:
        """Everything about an instance; of a signature, its fields.

        Args:
            ref: Its name in the session.
            instance: The live object.
        """
        kind = instance if isinstance(instance, type) else type(instance)
        found: dict[str, Any] = {"ref": ref, "class": f"{kind.__module__}.{kind.__qualname__}"}
        signature = self._signature_of(instance)
        if signature is not None:
            found["signature"] = self.signature(signature)
        if isinstance(instance, self._dspy.Module):
            found.update(self._program(instance))
        found["methods"] = [] if kind is instance else self._catalog.entries.methods(instance)
        return found

    def signature(self, signature: Any) -> dict[str, Any]:
        """The instructions and fields of a signature."""
        return {
            "instructions": str(signature.instructions),
            "inputs": [self._field(*each) for each in signature.input_fields.items()],
            "outputs": [self._field(*each) for each in signature.output_fields.items()],
        }

    def _program(self, program: Any) -> dict[str, Any]:
        modules = list(_modules_of(self._dspy, program))
        tools = [tool for _, module in modules for tool in self._tools(module)]
        return {
            "predictors": [self._predictor(*each) for each in program.named_predictors()],
            **({"tools": tools} if tools else {}),
            "modules": _tree([(name, _class_name(module)) for name, module in modules]),
            # The mark that optimizers leave; DSPy has no other way to ask for it.
            "compiled": bool(getattr(program, "_compiled", False)),
        }

    def _predictor(self, name: str, predictor: Any) -> dict[str, Any]:
        return {
            "name": name,
            "class": _class_name(predictor),
            "signature": self.signature(predictor.signature),
            "demos": len(predictor.demos),
            "config": self._config(predictor),
        }

    def _config(self, predictor: Any) -> dict[str, Any]:
        config = config_of(predictor)
        return {name: config[name] for name in config if self._has_form(config[name])}

    def _has_form(self, value: Any) -> bool:
        try:
            self._form.of(value)
        except InvalidArgumentError:
            return False
        return True

    def _signature_of(self, instance: Any) -> Any:
        """The signature of the whole; ``None`` where there is not one."""
        if isinstance(instance, type):
            return instance if issubclass(instance, self._dspy.Signature) else None
        if not isinstance(instance, self._dspy.Module):
            return None
        own = own_signature(self._dspy, instance)
        if own is not None:
            return own
        predictors = instance.predictors()
        return predictors[0].signature if len(predictors) == 1 else None

    def _field(self, name: str, field: Any) -> dict[str, Any]:
        schemas, extra = self._catalog.schemas, field.json_schema_extra
        found = {
            "name": name,
            "type": schemas.text(field.annotation),
            "schema": schemas.schema(field.annotation, field.metadata) or {},
            "description": str(extra["desc"]),
            "prefix": str(extra["prefix"]),
            "required": field.is_required(),
        }
        constraints = extra.get("constraints")
        return {**found, "constraints": str(constraints)} if constraints else found

    def _tools(self, module: Any) -> Iterator[dict[str, Any]]:
        tools = getattr(module, "tools", None)
        for tool in tools.values() if isinstance(tools, dict) else ():
            if isinstance(tool, self._dspy.Tool):
                properties = self._properties(tool.args or {})
                yield {
                    "name": str(tool.name),
                    "description": catalog_docs.shown(str(tool.desc or "")),
                    "parameters": {"type": "object", "properties": properties},
                }

    def _properties(self, args: Any) -> dict[str, Any]:
        return {str(name): each if self._has_form(each) else {} for name, each in args.items()}


def _modules_of(dspy: Any, program: Any) -> Iterator[tuple[str, Any]]:
    for number, each in enumerate(program.named_sub_modules(type_=dspy.Module)):
        if number == MAX_MODULES:
            return
        yield each


def _tree(modules: list[tuple[str, str]]) -> dict[str, Any]:
    """The modules within each other, told from names such as ``self.steps[0].predict``."""
    nodes: dict[str, dict[str, Any]] = {}
    for name, kind in modules:
        node: dict[str, Any] = {"name": name, "class": kind, "modules": []}
        around = _longest_within(name, nodes)
        if around:
            node["name"] = name.removeprefix(around).removeprefix(".")
            nodes[around]["modules"].append(node)
        nodes[name] = node
    return nodes["self"]


def _longest_within(name: str, known: dict[str, Any]) -> str:
    """The longest known name that this one continues; empty when it continues none."""
    for end in range(len(name) - 1, 0, -1):
        if name[end] in ".[" and name[:end] in known:
            return name[:end]
    return ""


def _class_name(instance: Any) -> str:
    return f"{type(instance).__module__}.{type(instance).__qualname__}"
