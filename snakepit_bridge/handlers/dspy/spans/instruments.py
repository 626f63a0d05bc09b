"""Where what DSPy does is told: a tracer, two histograms."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry import metrics, trace

from snakepit_bridge.handlers.dspy.spans import genai
from snakepit_bridge.telemetry import names

MOST_MODELS = 100
"""Names of models that metrics tell apart; callers choose them, and each one costs memory."""


class Instruments:
    """Where spans and metrics of DSPy go; one serves all commands. Safe from any thread.

    Args:
        tracer_provider: Where spans go; the process's own by default.
        meter_provider: Where metrics go; the process's own by default.
        capture_content: Whether prompts, answers and arguments of tools are put into spans, too.
    """

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        capture_content: bool = False,
    ) -> None:
        self._given = (tracer_provider, meter_provider)
        self.capture_content = capture_content
        self.tracer = trace.get_tracer(names.SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(names.SCOPE, meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            genai.OPERATION_DURATION,
            unit="s",
            description="From a request to a language model to its whole answer.",
            explicit_bucket_boundaries_advisory=genai.DURATION_BUCKETS,
        )
        self._tokens = meter.create_histogram(
            genai.TOKEN_USAGE,
            unit="{token}",
            description="Tokens of a prompt, or of an answer.",
            explicit_bucket_boundaries_advisory=genai.TOKEN_BUCKETS,
        )
        self._models: set[str] = set()

    @property
    def listens(self) -> bool:
        """Whether anybody would get what is told; an SDK may be installed at any time."""
        tracers, meters = self._given
        providers = (
            tracers or trace.get_tracer_provider(),
            meters or metrics.get_meter_provider(),
        )
        # Without an SDK the API's own stand in, and those drop everything.
        return any(not type(each).__module__.startswith(_OF_API) for each in providers)

    def count(
        self, labels: Mapping[str, str], duration_s: float, tokens: Mapping[str, int | None]
    ) -> None:
        """Count one request to a language model.

        Args:
            labels: What it was, the model among them.
            duration_s: From the request to the answer.
            tokens: By ``"input"`` and ``"output"``; ``None`` where nobody said.
        """
        labels = {**labels, genai.REQUEST_MODEL: self._label(labels[genai.REQUEST_MODEL])}
        self._duration.record(duration_s, labels)
        of_tokens = {name: text for name, text in labels.items() if name != genai.ERROR_TYPE}
        for kind, count in tokens.items():
            if count is not None:
                self._tokens.record(count, {**of_tokens, genai.TOKEN_TYPE: kind})

    def _label(self, model: str) -> str:
        if model not in self._models and len(self._models) >= MOST_MODELS:
            return genai.OTHER
        self._models.add(model)
        return model


_OF_API = ("opentelemetry.trace", "opentelemetry.metrics")
