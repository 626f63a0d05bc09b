"""DSPex's predictions that have Elixir look at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snakepit_bridge.adapters.dspex.dispatch import DSPexTool
from snakepit_bridge.adapters.dspex.results import NOBODY_WAITS, failure
from snakepit_bridge.adapters.dspex.shelf import release
from snakepit_bridge.errors import BridgeError, InvalidArgumentError

if TYPE_CHECKING:
    from snakepit_bridge.adapters.dspex.bench import Bench
    from snakepit_bridge.adapters.dspex.signatures import SignatureTools
    from snakepit_bridge.session.context import Session

DOMAIN = "general"
"""Of reasoning whose inputs name none."""


class EnhancedTools:
    """``enhanced_predict``, ``enhanced_chain_of_thought``.

    Both ask tools of Elixir, and do without where Elixir has none.

    Args:
        bench: What they work with.
        signatures: Finds the signatures.
    """

    def __init__(self, bench: Bench, signatures: SignatureTools) -> None:
        self._bench = bench
        self._signatures = signatures

    def tools(self) -> tuple[DSPexTool, ...]:
        """The tools of this group."""
        return (
            DSPexTool("enhanced_predict", self.enhanced_predict),
            DSPexTool("enhanced_chain_of_thought", self.enhanced_chain_of_thought),
        )

    def enhanced_predict(
        self, session: Session, /, *, signature: str, **inputs: Any
    ) -> dict[str, Any]:
        """Predict; Elixir checks the signature before, and transforms the result after."""
        self._bench.dspy()
        try:
            checked = session.call_elixir_tool("validate_signature", {"signature": signature})
        except NOBODY_WAITS:
            raise
        except BridgeError:
            result = self._predicted(session, "dspy.Predict", signature, inputs)
            return {"success": True, "result": result, "type": "predict"}
        _refuse_invalid(signature, checked)
        result = self._predicted(session, "dspy.Predict", signature, inputs)
        try:
            told = {"result": result, "format": "prediction_data"}
            transformed = session.call_elixir_tool("transform_result", told)
        except NOBODY_WAITS:
            raise
        except BridgeError:
            return {"success": True, "result": result, "type": "predict"}
        if isinstance(transformed, Mapping) and "transformed_result" in transformed:
            result = transformed["transformed_result"]
        return {"success": True, "result": result, "type": "enhanced_predict"}

    def enhanced_chain_of_thought(
        self, session: Session, /, *, signature: str, **inputs: Any
    ) -> dict[str, Any]:
        """Think step by step; Elixir judges the reasoning, and formats the result."""
        self._bench.dspy()
        result = self._predicted(session, "dspy.ChainOfThought", signature, inputs)
        about = {
            "reasoning": result.get("reasoning", ""),
            "domain": str(inputs.get("domain", DOMAIN)),
        }
        template = {"template": _template(result), "variables": {**inputs, **result}}
        try:
            validation = session.call_elixir_tool("validate_reasoning", about)
            formatted = session.call_elixir_tool("process_template", template)
        except NOBODY_WAITS:
            raise
        except BridgeError as error:
            told = failure(error)
            del told["success"]
            return _thought(result, told, None, "chain_of_thought")
        return _thought(result, validation, formatted, "enhanced_chain_of_thought")

    def _predicted(
        self, session: Session, class_path: str, signature: str, inputs: Mapping[str, Any]
    ) -> dict[str, Any]:
        args = {"signature": self._signatures.find(session, signature)}
        program = self._bench.create(session, class_path, args)
        fields = session.instances.get(program.ref).predictors()[0].signature.input_fields
        # The domain is for Elixir, and only for the program where it is among its inputs.
        asked = {name: each for name, each in inputs.items() if name in fields or name != "domain"}
        try:
            result: dict[str, Any] = self._bench.call(session, program, "__call__", asked)
        finally:
            release(session, program)
        return result


def _refuse_invalid(signature: str, checked: Any) -> None:
    if isinstance(checked, Mapping) and checked.get("valid") is False:
        why = checked.get("error") or checked.get("errors") or "it gave no reason"
        raise InvalidArgumentError(
            f"Elixir refused the signature {signature!r}: {why}.",
            {"argument": "signature", "hint": "See the tool 'validate_signature' in Elixir."},
        )


def _template(result: Mapping[str, Any]) -> str:
    """A line for each output, with the name of the variable where its value belongs."""
    return "\n".join(f"{name.replace('_', ' ').capitalize()}: {{{{{name}}}}}" for name in result)


def _thought(result: Any, validation: Any, formatted: Any, kind: str) -> dict[str, Any]:
    return {
        "success": True,
        "result": result,
        "elixir_validation": validation,
        "formatted_output": formatted,
        "type": kind,
    }
