"""One call into DSPy: checked, then run with the session's settings."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, get_args

import msgspec

from snakepit_bridge.errors import DSPyError, ErrorCode, WrongCallError
from snakepit_bridge.handlers.dspy.arguments import Arguments
from snakepit_bridge.handlers.dspy.call_shape import misfit, named_arguments, takes
from snakepit_bridge.handlers.dspy.configuration import Configuration
from snakepit_bridge.handlers.dspy.failures import translated

HOW_TO_WRITE_A_SIGNATURE = (
    "A signature looks like 'question -> answer' or 'text, count: int -> labels: list[str]'."
)

_RUNS_THE_MODULE = frozenset({"__call__", "acall", "forward", "aforward"})


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Where a call takes place."""

    dspy: Any
    command: str
    configuration: Configuration
    hidden: Collection[str]
    """Secrets that appear in no message."""

    details: Mapping[str, Any]
    """Facts for the error, if there is one."""


class Call:
    """A class about to be called, or a method of a live object.

    Args:
        scene: Where.
        target: What.
        arguments: With what.

    Raises:
        DSPyError: The arguments do not fit.
    """

    def __init__(self, scene: Scene, target: Callable[..., Any], arguments: Arguments) -> None:
        self._scene = scene
        self._target = target
        self._arguments = arguments
        self._check_fit()

    def run(self) -> Any:
        """Call it in this thread; an ``async`` method gets a loop of its own.

        Raises:
            DSPyError: DSPy, or what it called, raised.
            WrongCallError: The method is ``async``, and this is a loop's thread.
        """
        if inspect.iscoroutinefunction(self._target):
            _refuse_on_loop(self._scene.command)
            return asyncio.run(self.arun())
        with self._stage():
            return self._target(*self._arguments.positional, **self._arguments.keywords)

    async def arun(self) -> Any:
        """Call it from a loop: an ``async`` method there, anything else on a thread.

        Cancelling ends an ``async`` method at once; what runs on a thread runs on, unheard.

        Raises:
            DSPyError: DSPy, or what it called, raised.
        """
        if not inspect.iscoroutinefunction(self._target):
            return await asyncio.to_thread(self.run)
        with self._stage():
            return await self._target(*self._arguments.positional, **self._arguments.keywords)

    @contextmanager
    def _stage(self) -> Iterator[None]:
        scene = self._scene
        with (
            translated(
                scene.dspy,
                scene.command,
                hidden=scene.hidden,
                details=scene.details,
                hint=HOW_TO_WRITE_A_SIGNATURE if self._takes_signature() else "",
            ),
            scene.configuration.applied(scene.dspy),
        ):
            yield

    def _takes_signature(self) -> bool:
        positional, keywords = self._arguments.positional, self._arguments.keywords
        given = named_arguments(self._target, positional, keywords).get("signature")
        makes_one = isinstance(self._target, type) and issubclass(
            self._target, self._scene.dspy.Signature
        )
        return isinstance(given, str) or makes_one

    def _check_fit(self) -> None:
        called = self._called()
        why = misfit(called, self._arguments.positional, self._arguments.keywords)
        wanted, why = (takes(called), why) if why else self._missing_inputs()
        if why:
            raise DSPyError(
                f"Wrong arguments for {_name_of(self._target)}: {why}.",
                {**self._scene.details, "hint": f"It takes: {wanted}." if wanted else ""},
                code=ErrorCode.INVALID_ARGUMENT,
            )

    def _called(self) -> Callable[..., Any]:
        """What the arguments end up in: a module hands its own on to ``forward``."""
        module = self._module()
        forward = getattr(type(module), "forward", None)
        return self._target if forward is None else forward.__get__(module)

    def _missing_inputs(self) -> tuple[str, str]:
        """The input fields of a DSPy module, and those that are missing.

        DSPy logs them and asks the language model nevertheless.
        """
        dspy, module, given = self._scene.dspy, self._module(), self._arguments.keywords
        if module is None or "signature" in given:
            return "", ""
        signature = _signature_of(dspy, module)
        fields = {} if signature is None else signature.input_fields
        missing = [
            name
            for name, field in fields.items()
            if name not in given and field.is_required() and not _may_be_none(field.annotation)
        ]
        return ", ".join(fields), f"missing {', '.join(map(repr, missing))}" if missing else ""

    def _module(self) -> Any:
        """The module that the call runs, if it does."""
        module = getattr(self._target, "__self__", None)
        name = getattr(self._target, "__name__", "")
        if name in _RUNS_THE_MODULE and isinstance(module, self._scene.dspy.Module):
            return module
        return None


def _signature_of(dspy: Any, module: Any) -> Any:
    """The signature whose inputs are what a module takes; ``None`` where that need not be so."""
    forward = type(module).forward
    if forward in {dspy.Predict.forward, dspy.ReAct.forward}:
        return module.signature
    return module.predict.signature if forward is dspy.ChainOfThought.forward else None


def _may_be_none(annotation: Any) -> bool:
    return type(None) in get_args(annotation)


def _name_of(target: Callable[..., Any]) -> str:
    if isinstance(target, type):
        return target.__qualname__
    owner = getattr(target, "__self__", None)
    name = getattr(target, "__name__", str(target))
    return name if owner is None else f"{type(owner).__qualname__}.{name}"


def _refuse_on_loop(command: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise WrongCallError(
        f"{command!r} would block the event loop.",
        {"hint": "Write 'await handler.acall_method(session, args)' in async def code."},
    )
