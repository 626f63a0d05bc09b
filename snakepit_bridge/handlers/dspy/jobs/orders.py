"""What an optimization was asked for: kept with its checkpoint, so that it can be resumed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.failures import translated
from snakepit_bridge.handlers.dspy.jobs.clean import encoded
from snakepit_bridge.handlers.dspy.jobs.metric_forms import MetricForm, metric_form
from snakepit_bridge.handlers.dspy.secrets import REFERENCE

MASK = "***"

LARGEST = 32 * 2**20
"""Bytes of examples that a checkpoint holds; a job with more is resumed with its examples."""

_LANGUAGE_MODELS = ("prompt_lm", "reflection_lm")

Seed = Annotated[int, Meta(ge=0, lt=2**32)]
"""What every optimizer can begin to draw from."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of ``dspy.optimize``; ``None`` where nothing was said."""

    ref: str | None = None
    optimizer: str | None = None
    examples: Sequence[Any] | None = None
    validation: Sequence[Any] | None = None
    metric: Any = None
    inputs: Sequence[str] | None = None
    options: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] | None = None
    prompt_lm: str | Mapping[str, Any] | None = None
    reflection_lm: str | Mapping[str, Any] | None = None
    teacher: str | None = None
    seed: Seed | None = None

    def form(self) -> MetricForm | None:
        """The metric.

        Raises:
            InvalidArgumentError: It is none.
        """
        return None if self.metric is None else metric_form(self.metric)


def spec_of(dspy: Any, order: Order, program: Any) -> dict[str, Any]:
    """What a checkpoint says of its job, as JSON, without secrets.

    Args:
        dspy: The module.
        order: The arguments.
        program: The instance that is optimized.

    Raises:
        DSPyError: The state of the program cannot be told.
    """
    form = order.form()
    spec = {
        "kind": "optimize",
        "dspy": str(dspy.__version__),
        "program": _identity(dspy, program),
        "ref": order.ref,
        "teacher": order.teacher,
        "optimizer": order.optimizer,
        "options": order.options,
        "inputs": order.inputs,
        "seed": order.seed,
        "metric": None if form is None else msgspec.to_builtins(form),
        "settings": _scrubbed_settings(order.settings),
        "prompt_lm": _scrubbed(order.prompt_lm),
        "reflection_lm": _scrubbed(order.reflection_lm),
        **_rows("examples", order.examples),
        **_rows("validation", order.validation),
    }
    plain: dict[str, Any] = msgspec.json.decode(encoded(spec))
    return plain


def resumed(order: Order, spec: Mapping[str, Any]) -> Order:
    """The order of a job that goes on: what is left out is taken from its checkpoint.

    Raises:
        InvalidArgumentError: Something does not agree with the checkpoint, or is missing in both;
            names all of it.
    """
    wrong: list[str] = []
    found: dict[str, Any] = {"ref": order.ref or spec.get("ref")}
    found["teacher"] = order.teacher or spec.get("teacher")
    for name in ("optimizer", "options", "inputs", "seed", "metric", "settings", *_LANGUAGE_MODELS):
        found[name] = _agreed(name, getattr(order, name), spec.get(name), wrong)
    for name in ("examples", "validation"):
        found[name] = _agreed_rows(name, getattr(order, name), spec, wrong)
    if wrong:
        raise InvalidArgumentError(
            f"Wrong arguments for a resumed job: {'; '.join(wrong)}.",
            {"arguments": wrong, "hint": "Leave out what the checkpoint has, or start a new job."},
        )
    try:
        return msgspec.convert(found, Order)
    except msgspec.ValidationError as error:
        raise InvalidArgumentError(
            f"Wrong 'resume': {error}.", {"argument": "resume", "hint": "Send it unchanged."}
        ) from error


def check_program(dspy: Any, program: Any, spec: Mapping[str, Any]) -> None:
    """Refuse to go on with another program, whose requests would be others.

    Raises:
        InvalidArgumentError: It is of another class, or in another state.
    """
    kept, found = spec.get("program"), _identity(dspy, program)
    if kept != found:
        same_class = isinstance(kept, dict) and kept.get("class") == found["class"]
        what = "in another state" if same_class else "of another class"
        raise InvalidArgumentError(
            f"Wrong 'ref': the program is {what} than the one of the checkpoint.",
            {"argument": "ref", "hint": "Create the program as it was when the job began."},
        )


def _identity(dspy: Any, program: Any) -> dict[str, Any]:
    kind = type(program)
    with translated(dspy, "dspy.optimize", hidden=(), details={}):
        digest = _digest(_without_models(program.dump_state()))
    return {"class": f"{kind.__module__}.{kind.__qualname__}", "state": digest}


def _without_models(state: Any) -> Any:
    """A program's state without its language models, which are the session's."""
    if isinstance(state, dict):
        return {name: _without_models(each) for name, each in state.items() if name != "lm"}
    return state


def _digest(value: Any) -> str:
    content = encoded(value, otherwise=repr, order="sorted")
    return hashlib.sha256(content).hexdigest()


def _rows(name: str, rows: Sequence[Any] | None) -> dict[str, Any]:
    if rows is None:
        return {name: None}
    plain = _plain_rows(rows)
    return {name: plain, f"{name}_digest": _digest(rows), f"{name}_kept": plain is not None}


def _plain_rows(rows: Sequence[Any]) -> list[Any] | None:
    """The rows, where JSON can say them and they are not too many."""
    try:
        content = msgspec.json.encode(rows)
        plain: list[Any] = msgspec.json.decode(content)
    except (TypeError, ValueError, msgspec.MsgspecError):
        return None
    # Bytes, say, would come back as text.
    return plain if len(content) <= LARGEST and plain == list(rows) else None


def _scrubbed(lm: str | Mapping[str, Any] | None) -> Any:
    """A language model without its key; the name of a key is none."""
    if not isinstance(lm, Mapping):
        return lm
    key = lm.get("api_key")
    is_secret = isinstance(key, str) and not key.startswith(REFERENCE)
    return {**lm, "api_key": MASK} if is_secret else dict(lm)


def _scrubbed_settings(settings: Mapping[str, Any] | None) -> Any:
    if settings is None:
        return None
    return {**settings, "lm": _scrubbed(settings.get("lm"))} if "lm" in settings else dict(settings)


def _agreed(name: str, given: Any, kept: Any, wrong: list[str]) -> Any:
    """What is given where it agrees with what is kept; what is kept where nothing is given."""
    if given is None:
        if _has_mask(kept):
            wrong.append(f"{name!r} is missing, whose key is not kept")
        return kept
    compared = _comparable(name, given)
    # A budget was what may be spent then; how much more may be is for the caller to say.
    if _comparable(name, kept) != compared:
        wrong.append(f"{name!r} is another than the checkpoint's")
    return given


def _comparable(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "metric":
        return msgspec.to_builtins(metric_form(value))
    if name == "settings" and isinstance(value, Mapping):
        scrubbed = _scrubbed_settings(value)
        return {**scrubbed, "budget": None, "num_threads": None}
    return _scrubbed(value) if name in _LANGUAGE_MODELS else msgspec.to_builtins(value)


def _has_mask(kept: Any) -> bool:
    if not isinstance(kept, Mapping):
        return False
    return kept.get("api_key") == MASK or _has_mask(kept.get("lm"))


def _agreed_rows(
    name: str, given: Sequence[Any] | None, spec: Mapping[str, Any], wrong: list[str]
) -> Any:
    digest = spec.get(f"{name}_digest")
    if given is None:
        if digest is not None and not spec.get(f"{name}_kept"):
            wrong.append(f"{name!r} is missing, which the checkpoint does not hold")
        return spec.get(name)
    if _digest(given) != digest:
        wrong.append(f"{name!r} are others than the checkpoint's")
    return given
