"""One call into DSPy: checked, then run with the session's settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, get_args

import msgspec

from snakepit_bridge.errors import BridgeError, DSPyError, ErrorCode
from snakepit_bridge.handlers.dspy.arguments import Arguments
from snakepit_bridge.handlers.dspy.call_shape import misfit, named_arguments, takes
from snakepit_bridge.handlers.dspy.configuration import Configuration
from snakepit_bridge.handlers.dspy.failures import translated
from snakepit_bridge.handlers.dspy.inputs import Check, typed_inputs
from snakepit_bridge.handlers.dspy.models.uses import using
from snakepit_bridge.handlers.dspy.programs.program import program_class
from snakepit_bridge.handlers.dspy.runs import Halt, Run
from snakepit_bridge.nearest import nearest

HOW_TO_WRITE_A_SIGNATURE = (
    "A signature looks like 'question -> answer' or 'text, count: int -> labels: list[str]'."
)

_OPTIONS = frozenset({"config", "demos", "lm", "max_iters", "new_signature", "prediction"})
"""Keywords of modules that are no inputs."""

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

    run: Run | None = None
    """What the call may use and must count."""

    settings: Mapping[str, Any] = {}
    """Further settings of DSPy, e.g. its callbacks."""

    @contextmanager
    def entered(self, hint: str = "") -> Iterator[None]:
        """Run the block with the settings of the scene, and raise what it raises as our errors.

        Args:
            hint: What to do about an argument that DSPy refuses.

        Raises:
            DSPyError: DSPy, or what it called, raised.
            BridgeError: The run was halted: why.
        """
        try:
            with (
                translated(
                    self.dspy, self.command, hidden=self.hidden, details=self.details, hint=hint
                ),
                using(self.configuration.language_model, self.run.runner if self.run else None),
                self.configuration.applied(self.dspy, self.run, **self.settings),
            ):
                yield
        except Halt as halt:
            raise halt.error from None
        except BaseExceptionGroup:
            # Code with tasks of its own; the halt is inside.
            if self._halted is None:
                raise
            raise self._halted from None
        except BridgeError as error:
            if self._halted is None or self._halted is error:
                raise
            # Code that swallowed the halt ran into something else.
            raise self._halted from error
        if self._halted is not None:
            raise self._halted

    @property
    def _halted(self) -> BridgeError | None:
        return None if self.run is None else self.run.error


class Call:
    """A class about to be called, or a method of a live object.

    Args:
        scene: Where.
        target: What.
        arguments: With what.
        name: What the caller calls it; the target's own name by default.
        check: Asked before an input is made an object of one of DSPy's classes; without it, inputs
            stay as they are.

    Raises:
        DSPyError: The arguments do not fit.
    """

    def __init__(
        self,
        scene: Scene,
        target: Callable[..., Any],
        arguments: Arguments,
        name: str = "",
        *,
        check: Check | None = None,
    ) -> None:
        self.scene = scene
        self._target = target
        self._arguments = arguments
        self._name = name
        self._check_fit()
        if check is not None:
            self._type_inputs(check)

    @property
    def is_async(self) -> bool:
        """Whether it runs on a loop; ``run`` is for the others, ``arun`` for these."""
        return inspect.iscoroutinefunction(self._target)

    @property
    def owner(self) -> Any:
        """The object whose method is called; ``None`` where a class is."""
        return getattr(self._target, "__self__", None)

    def run(self) -> Any:
        """Call it in this thread.

        Raises:
            DSPyError: DSPy, or what it called, raised.
            BridgeError: The run was halted: why.
        """
        with self.scene.entered(self._hint()):
            return self._target(*self._arguments.positional, **self._arguments.keywords)

    async def arun(self) -> Any:
        """As ``run``, for a method that is ``async``; being cancelled ends it at once."""
        with self.scene.entered(self._hint()):
            return await self._target(*self._arguments.positional, **self._arguments.keywords)

    def _hint(self) -> str:
        return HOW_TO_WRITE_A_SIGNATURE if self._takes_signature() else ""

    def _takes_signature(self) -> bool:
        positional, keywords = self._arguments.positional, self._arguments.keywords
        given = named_arguments(self._target, positional, keywords).get("signature")
        makes_one = isinstance(self._target, type) and issubclass(
            self._target, self.scene.dspy.Signature
        )
        return isinstance(given, str) or makes_one

    def _check_fit(self) -> None:
        called = self._called()
        why = misfit(called, self._arguments.positional, self._arguments.keywords)
        wanted, why = (takes(called), why) if why else self._missing_inputs()
        if why:
            near = self._near(wanted.split(", "))
            raise DSPyError(
                f"Wrong arguments for {_name_of(self._target, self._name)}: {why}.",
                {**self.scene.details, "hint": f"It takes: {wanted}.{near}" if wanted else ""},
                code=ErrorCode.INVALID_ARGUMENT,
            )

    def _near(self, wanted: Sequence[str]) -> str:
        """What was meant by the first name that is none of those wanted, if it is like one."""
        known = [name.removesuffix("?") for name in wanted]
        unknown = [name for name in self._arguments.keywords if name not in known]
        near = nearest(unknown[0], known) if unknown else None
        return f" Did you mean {near!r}?" if near else ""

    def _called(self) -> Callable[..., Any]:
        """What the arguments end up in: a module hands its own on to ``forward``."""
        module = self._module()
        forward = getattr(type(module), "forward", None)
        return self._target if forward is None else forward.__get__(module)

    def _missing_inputs(self) -> tuple[str, str]:
        """The input fields of a DSPy module, and those that are missing.

        DSPy logs them and asks the language model nevertheless.
        """
        signature, given = self._signature, self._arguments.keywords
        if signature is None:
            return "", ""
        fields = signature.input_fields
        missing = [
            name
            for name, field in fields.items()
            if name not in given and field.is_required() and not _may_be_none(field.annotation)
        ]
        unknown = sorted(given.keys() - fields.keys() - _OPTIONS)
        told = [
            f"{what} {', '.join(map(repr, names))}"
            for what, names in (("missing", missing), ("unknown", unknown))
            if names
        ]
        return ", ".join(fields), "; ".join(told)

    def _type_inputs(self, check: Check) -> None:
        if self._signature is not None:
            positional, given = self._arguments.positional, self._arguments.keywords
            typed = typed_inputs(self.scene.dspy, self._signature, given, check)
            self._arguments = Arguments(positional, typed)

    @cached_property
    def _signature(self) -> Any:
        """Whose inputs the call takes; ``None`` where that is not known, or said by the call."""
        module = self._module()
        if module is None or "signature" in self._arguments.keywords:
            return None
        return _signature_of(self.scene.dspy, module)

    def _module(self) -> Any:
        """The module that the call runs, if it does."""
        module = getattr(self._target, "__self__", None)
        name = getattr(self._target, "__name__", "")
        if name in _RUNS_THE_MODULE and isinstance(module, self.scene.dspy.Module):
            return module
        return None


def _signature_of(dspy: Any, module: Any) -> Any:
    """The signature whose inputs are what a module takes; ``None`` where that need not be so."""
    forward = getattr(type(module), "forward", None)
    if forward in {dspy.Predict.forward, dspy.ReAct.forward, program_class(dspy).forward}:
        return module.signature
    return module.predict.signature if forward is dspy.ChainOfThought.forward else None


def _may_be_none(annotation: Any) -> bool:
    return type(None) in get_args(annotation)


def _name_of(target: Callable[..., Any], asked: str) -> str:
    if isinstance(target, type):
        return target.__qualname__
    owner = getattr(target, "__self__", None)
    name = asked or getattr(target, "__name__", str(target))
    return name if owner is None else f"{type(owner).__qualname__}.{name}"
