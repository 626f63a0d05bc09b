"""DSPex's choice of a language model, by the kind of its provider."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.adapters.dspex.dispatch import DSPexTool
from snakepit_bridge.adapters.dspex.shelf import DEFAULT_LM, Stored, store
from snakepit_bridge.errors import InvalidArgumentError, WrongCallError
from snakepit_bridge.handlers.dspy.models.options import OFFLINE
from snakepit_bridge.handlers.dspy.secrets import REFERENCE
from snakepit_bridge.nearest import did_you_mean

if TYPE_CHECKING:
    from snakepit_bridge.adapters.dspex.bench import Bench
    from snakepit_bridge.session.context import Session


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one kind of language model."""

    model: str
    """The one that is used where no other is named."""

    variables: tuple[str, ...]
    """Where the key may be, in the environment of the worker."""

    says_model: bool = False
    """Whether the answer names the model."""


PROVIDERS = MappingProxyType({
    "openai": Provider(model="gpt-4o-mini", variables=("OPENAI_API_KEY",)),
    "anthropic": Provider(model="claude-sonnet-4-6", variables=("ANTHROPIC_API_KEY",)),
    "gemini": Provider(
        model="gemini-2.5-flash", variables=("GOOGLE_API_KEY", "GEMINI_API_KEY"), says_model=True
    ),
})  # fmt: skip


class LMTools:
    """``configure_lm``.

    Args:
        bench: What it works with.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def tools(self) -> tuple[DSPexTool, ...]:
        """The tools of this group."""
        return (DSPexTool("configure_lm", self.configure_lm),)

    def configure_lm(
        self,
        session: Session,
        *,
        model_type: str,
        api_key: str | None = None,
        model: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Set the session's language model, as ``dspy.configure`` does; nobody is asked yet.

        Args:
            session: The session.
            model_type: ``openai``, ``anthropic``, ``gemini``, or ``offline``, which asks nobody.
            api_key: The key, or ``env:NAME``; by default that of the worker's environment.
            model: Its name; by default one of that kind.
            options: Further options of ``dspy.configure``'s ``lm``.
        """
        self._bench.dspy()
        named: dict[str, Any] = {}
        if model_type == OFFLINE:
            chosen = {"model": OFFLINE, **options}
        else:
            provider = _provider(model_type)
            name = (model or provider.model).removeprefix(f"{model_type}/")
            key = api_key or self._reference(provider)
            chosen = {"model": f"{model_type}/{name}", "api_key": key, **options}
            named = {"model": name} if provider.says_model else named
        shown = self._bench.handler.configure(session, lm=chosen)["lm"]
        store(session, DEFAULT_LM, Stored(type="LM", data=f"LM({shown})"))
        return {"success": True, "model_type": model_type, **named}

    def _reference(self, provider: Provider) -> str:
        """The first variable that is set, as a key of ``dspy.configure``."""
        references = [f"{REFERENCE}{name}" for name in provider.variables]
        for reference in references:
            if self._is_set(reference):
                return reference
        listed = " or ".join(provider.variables)
        raise WrongCallError(
            f"There is no API key: {listed} is not set where the worker runs.",
            {"argument": "api_key", "hint": "Send 'api_key', or set the variable for the worker."},
        )

    def _is_set(self, reference: str) -> bool:
        try:
            self._bench.workbench.secrets.find(reference)
        except WrongCallError:
            return False
        return True


def _provider(model_type: str) -> Provider:
    found = PROVIDERS.get(model_type)
    if found is None:
        known = (*PROVIDERS, OFFLINE)
        hint = did_you_mean(model_type, known, otherwise=f"Known are: {', '.join(known)}.")
        raise InvalidArgumentError(
            f"Unknown model type: {model_type!r}.", {"argument": "model_type", "hint": hint}
        )
    return found
