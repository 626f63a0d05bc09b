"""Tools that play a machine-learning workflow, from the data to the prediction."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from snakepit_bridge.adapters.recent import Recent
from snakepit_bridge.adapters.showcase.binary_tools import encoding_of
from snakepit_bridge.adapters.showcase.dice import dice
from snakepit_bridge.adapters.showcase.pause import Wait
from snakepit_bridge.adapters.showcase.tool import StreamChunk, Tool, ToolContext

_MOST_SESSIONS = 1_000
_PREPROCESSING_S = 0.5
_EPOCHS = 10
_EPOCH_S = 0.2
_MOST_FOLDS = 1_000
_MOST_PREDICTIONS = 1_000_000
_CLASSES = ("setosa", "versicolor", "virginica")
_FLOAT_BYTES = 8


class Dataset(msgspec.Struct, frozen=True):
    """What the showcase says of the data it has "loaded"."""

    name: str
    samples: int
    features: tuple[str, ...]


_IRIS = Dataset("iris", 150, ("sepal_length", "sepal_width", "petal_length", "petal_width"))
_SYNTHETIC = Dataset("synthetic", 100, tuple(f"feature_{number}" for number in range(5)))


class MlTools:
    """A workflow whose numbers are made up, the same ones for the same arguments.

    Remembers per session which data was loaded; used by several threads at once.

    Args:
        wait: Lets the time of made-up work pass.
        most_sessions: So many are remembered; the one not used for longest is forgotten.
    """

    def __init__(self, wait: Wait, most_sessions: int = _MOST_SESSIONS) -> None:
        self._wait = wait
        self._loaded: Recent[Dataset] = Recent(most_sessions)

    def tools(self) -> tuple[Tool, ...]:
        """The tools of this group."""
        return (
            Tool(self.load_sample_data),
            Tool(self.preprocess_data),
            Tool(self.generate_features),
            Tool(self.select_features),
            Tool(self.train_model),
            Tool(self.cross_validate),
            Tool(self.predict_single),
            Tool(self.predict_batch_with_embeddings),
        )

    def forget(self, session_id: str) -> None:
        """Drop what is remembered of a session, if anything is."""
        self._loaded.forget(session_id)

    def load_sample_data(
        self, context: ToolContext, /, dataset: str, split: float
    ) -> dict[str, Any]:
        """Choose the data the session works with.

        Args:
            dataset: ``"iris"``; anything else means ``"synthetic"``.
            split: The part of the samples to train with, 0 to 1.

        Raises:
            ValueError: ``split`` is below 0 or above 1.
        """
        if not 0 <= split <= 1:
            text = f"split={split!r} must be between 0 and 1: the part to train with."
            raise ValueError(text)
        chosen = _IRIS if dataset == _IRIS.name else _SYNTHETIC
        self._loaded.keep(context.session_id, chosen)
        train_samples = round(chosen.samples * split)
        return {
            "dataset_name": chosen.name,
            "total_samples": chosen.samples,
            "train_samples": train_samples,
            "test_samples": chosen.samples - train_samples,
            "feature_names": list(chosen.features),
        }

    def preprocess_data(
        self,
        _context: ToolContext,
        /,
        *,
        normalize: bool,
        handle_missing: Any,  # noqa: ARG002  (nothing is missing, however it is to be handled)
        encode_categorical: bool,
    ) -> dict[str, bool]:
        """Take as long as preparing data does."""
        self._wait(_PREPROCESSING_S)
        return {
            "normalized": bool(normalize),
            "missing_handled": True,
            "categorical_encoded": bool(encode_categorical),
        }

    def generate_features(
        self, context: ToolContext, /, *, method: str, degree: int, interaction_only: bool
    ) -> dict[str, int]:
        """Count the features that a method would derive from those of the loaded data.

        Args:
            method: ``"polynomial"`` makes every product of up to ``degree`` features; any other
                method one feature of each.
            degree: At least 1.
            interaction_only: Whether no feature may appear twice in a product.

        Raises:
            ValueError: No data was loaded in this session, or ``degree`` is below 1.
        """
        original = len(self._data_of(context).features)
        if degree < 1:
            text = f"degree={degree!r} must be at least 1."
            raise ValueError(text)
        new = original
        if method == "polynomial":
            new = _products(original, degree, distinct=interaction_only) - original
        return {
            "original_features": original,
            "new_features": new,
            "total_features": original + new,
        }

    def select_features(
        self, context: ToolContext, /, method: str, k_best: int
    ) -> dict[str, list[list[Any]]]:
        """Rank the features of the loaded data.

        Returns:
            ``selected_features``: pairs of a name and a score, the best ``k_best`` of them, the
            best one first.

        Raises:
            ValueError: No data was loaded in this session, or ``k_best`` is negative.
        """
        data = self._data_of(context)
        if k_best < 0:
            text = f"k_best={k_best!r} must be at least 0."
            raise ValueError(text)
        chance = dice(data.name, method)
        scored = [[name, round(chance.uniform(0, 1), 4)] for name in data.features]
        scored.sort(key=_score, reverse=True)
        return {"selected_features": scored[:k_best]}

    def train_model(
        self, _context: ToolContext, /, algorithm: str, **_options: Any
    ) -> Iterator[StreamChunk]:
        """Tell of ten epochs of a training, then of its end."""
        began = time.monotonic()
        chance = dice(algorithm)
        accuracy = 0.0
        for epoch in range(1, _EPOCHS + 1):
            self._wait(_EPOCH_S)
            learned = 0.95 - 0.45 * math.exp(-epoch / 3)
            accuracy = round(learned + chance.uniform(0, 0.02), 4)
            progress = {"epoch": epoch, "total_epochs": _EPOCHS, "accuracy": accuracy}
            yield StreamChunk({"type": "progress", **progress})
        training_time_ms = round(1000 * (time.monotonic() - began), 3)
        completed = {"final_accuracy": accuracy, "training_time_ms": training_time_ms}
        yield StreamChunk({"type": "completed", **completed}, is_final=True)

    def cross_validate(self, _context: ToolContext, /, cv_folds: int) -> dict[str, Any]:
        """Make up an accuracy per fold.

        Raises:
            ValueError: ``cv_folds`` is below 1 or above 1,000.
        """
        if not 1 <= cv_folds <= _MOST_FOLDS:
            text = f"cv_folds={cv_folds!r} must be between 1 and {_MOST_FOLDS}."
            raise ValueError(text)
        chance = dice("folds", cv_folds)
        folds = [round(chance.uniform(0.88, 0.99), 4) for _ in range(cv_folds)]
        mean = sum(folds) / cv_folds
        variance = sum((fold - mean) ** 2 for fold in folds) / cv_folds
        return {
            "mean_accuracy": mean,
            "std_accuracy": math.sqrt(variance),
            "fold_accuracies": folds,
        }

    def predict_single(
        self, _context: ToolContext, /, features: Sequence[float] | Mapping[str, float]
    ) -> dict[str, Any]:
        """Guess an iris, the same one for the same features."""
        chance = dice(features)
        return {
            "prediction": chance.choice(_CLASSES),
            "confidence": round(chance.uniform(0.7, 0.99), 4),
        }

    def predict_batch_with_embeddings(
        self,
        _context: ToolContext,
        /,
        *,
        batch_size: int,
        include_embeddings: bool = False,
        embedding_dim: int = 128,
    ) -> dict[str, Any]:
        """Describe a batch of predictions, with the embeddings that would come along.

        Raises:
            ValueError: ``batch_size`` is below 1 or above a million, or ``embedding_dim`` is
                below 1.
        """
        if not 1 <= batch_size <= _MOST_PREDICTIONS or embedding_dim < 1:
            text = f"No batch has batch_size={batch_size!r}, embedding_dim={embedding_dim!r}."
            raise ValueError(text)
        chance = dice("batch", batch_size)
        confidences = sum(chance.uniform(0.7, 0.99) for _ in range(batch_size))
        answer = {
            "batch_size": batch_size,
            "predictions_shape": [batch_size, len(_CLASSES)],
            "avg_confidence": confidences / batch_size,
        }
        if include_embeddings:
            size_bytes = _FLOAT_BYTES * batch_size * embedding_dim
            answer["embeddings_shape"] = [batch_size, embedding_dim]
            answer["embeddings_encoding"] = encoding_of(size_bytes)
            answer["embeddings_size_bytes"] = size_bytes
        return answer

    def _data_of(self, context: ToolContext) -> Dataset:
        data = self._loaded.use(context.session_id)
        if data is None:
            text = "No data is loaded in this session: call load_sample_data first."
            raise ValueError(text)
        return data


def _score(pair: list[Any]) -> float:
    score: float = pair[1]
    return score


def _products(features: int, degree: int, *, distinct: bool) -> int:
    """How many products of 1 up to ``degree`` factors there are."""
    if not distinct:
        return math.comb(features + degree, degree) - 1
    return sum(math.comb(features, factors) for factors in range(1, min(degree, features) + 1))
