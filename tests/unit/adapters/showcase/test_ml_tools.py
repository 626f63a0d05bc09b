from __future__ import annotations

import math
from typing import Any

import pytest

from snakepit_bridge.adapters.showcase.ml_tools import MlTools
from tests.unit.adapters.showcase.request import Request, no_wait


@pytest.fixture
def tools() -> MlTools:
    return MlTools(no_wait)


@pytest.fixture
def loaded(tools: MlTools) -> MlTools:
    tools.load_sample_data(Request(), dataset="iris", split=0.8)
    return tools


def test_the_iris_has_its_known_shape(tools: MlTools) -> None:
    assert tools.load_sample_data(Request(), dataset="iris", split=0.8) == {
        "dataset_name": "iris",
        "total_samples": 150,
        "train_samples": 120,
        "test_samples": 30,
        "feature_names": ["sepal_length", "sepal_width", "petal_length", "petal_width"],
    }


def test_any_other_data_is_made_up(tools: MlTools) -> None:
    answer = tools.load_sample_data(Request(), dataset="digits", split=0.5)

    assert (answer["dataset_name"], answer["total_samples"]) == ("synthetic", 100)
    assert (answer["train_samples"], answer["test_samples"]) == (50, 50)
    assert len(answer["feature_names"]) == 5


@pytest.mark.parametrize("split", [-0.1, 1.5, math.nan])
def test_a_part_that_is_none_is_refused(tools: MlTools, split: float) -> None:
    with pytest.raises(ValueError, match="split="):
        tools.load_sample_data(Request(), dataset="iris", split=split)


def test_preparing_data_takes_half_a_second() -> None:
    waits: list[float] = []

    answer = MlTools(waits.append).preprocess_data(
        Request(), normalize=True, handle_missing="mean", encode_categorical=False
    )

    assert answer == {"normalized": True, "missing_handled": True, "categorical_encoded": False}
    assert waits == [0.5]


@pytest.mark.parametrize(
    ("method", "degree", "interaction_only", "new"),
    [
        ("polynomial", 1, False, 0),
        ("polynomial", 2, False, 10),
        ("polynomial", 2, True, 6),
        ("polynomial", 9, True, 11),
        ("logarithm", 2, False, 4),
    ],
)
def test_features_are_derived(
    loaded: MlTools, method: str, degree: int, new: int, *, interaction_only: bool
) -> None:
    answer = loaded.generate_features(
        Request(), method=method, degree=degree, interaction_only=interaction_only
    )

    assert answer == {"original_features": 4, "new_features": new, "total_features": 4 + new}


def test_a_degree_below_1_is_refused(loaded: MlTools) -> None:
    with pytest.raises(ValueError, match="degree=0"):
        loaded.generate_features(Request(), method="polynomial", degree=0, interaction_only=True)


def test_the_best_features_come_first(loaded: MlTools) -> None:
    answer = loaded.select_features(Request(), method="mutual_info", k_best=3)

    scores = [score for _name, score in answer["selected_features"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


def test_no_more_features_are_chosen_than_there_are(loaded: MlTools) -> None:
    answer = loaded.select_features(Request(), method="mutual_info", k_best=99)

    assert len(answer["selected_features"]) == 4


def test_a_negative_number_of_features_is_refused(loaded: MlTools) -> None:
    with pytest.raises(ValueError, match="k_best=-1"):
        loaded.select_features(Request(), method="mutual_info", k_best=-1)


def test_features_need_data_of_their_own_session(loaded: MlTools) -> None:
    elsewhere = Request("another")

    with pytest.raises(ValueError, match="load_sample_data"):
        loaded.generate_features(elsewhere, method="x", degree=1, interaction_only=False)
    with pytest.raises(ValueError, match="load_sample_data"):
        loaded.select_features(elsewhere, method="x", k_best=1)


def test_data_is_forgotten_with_its_session(loaded: MlTools) -> None:
    loaded.forget("a")

    with pytest.raises(ValueError, match="load_sample_data"):
        loaded.select_features(Request(), method="x", k_best=1)


@pytest.mark.defect("D53")
def test_the_data_that_was_not_used_for_longest_is_forgotten() -> None:
    tools = MlTools(no_wait, most_sessions=1)
    tools.load_sample_data(Request("first"), dataset="iris", split=1)
    tools.load_sample_data(Request("second"), dataset="iris", split=1)

    with pytest.raises(ValueError, match="load_sample_data"):
        tools.select_features(Request("first"), method="x", k_best=1)


def test_a_training_tells_of_ten_epochs_then_of_its_end() -> None:
    waits: list[float] = []

    chunks = list(MlTools(waits.append).train_model(Request(), algorithm="forest", trees=100))

    *epochs, end = chunks
    assert [chunk.data["epoch"] for chunk in epochs] == list(range(1, 11))
    assert {frozenset(chunk.data) for chunk in epochs} == {
        frozenset({"type", "epoch", "total_epochs", "accuracy"})
    }
    assert end.data.keys() == {"type", "final_accuracy", "training_time_ms"}
    assert end.data["type"] == "completed"
    assert end.data["final_accuracy"] == epochs[-1].data["accuracy"]
    assert [chunk.is_final for chunk in chunks] == [*[False] * 10, True]
    assert waits == [0.2] * 10


def test_folds_have_a_mean_with_its_deviation(tools: MlTools) -> None:
    answer = tools.cross_validate(Request(), cv_folds=5)

    folds = answer["fold_accuracies"]
    assert answer.keys() == {"mean_accuracy", "std_accuracy", "fold_accuracies"}
    assert len(folds) == 5
    assert min(folds) <= answer["mean_accuracy"] <= max(folds)
    assert 0 < answer["std_accuracy"] < 0.1


@pytest.mark.parametrize("cv_folds", [0, 1001])
def test_too_few_or_too_many_folds_are_refused(tools: MlTools, cv_folds: int) -> None:
    with pytest.raises(ValueError, match=f"cv_folds={cv_folds}"):
        tools.cross_validate(Request(), cv_folds=cv_folds)


def test_the_same_flower_is_always_the_same_iris(tools: MlTools) -> None:
    first, second = (tools.predict_single(Request(), features=[5.1, 3.5]) for _ in range(2))

    assert first == second
    assert first.keys() == {"prediction", "confidence"}
    assert first["prediction"] in {"setosa", "versicolor", "virginica"}
    assert 0 < first["confidence"] < 1


def test_different_flowers_are_different_irises(tools: MlTools) -> None:
    guesses = {tools.predict_single(Request(), features=[n])["prediction"] for n in range(50)}

    assert len(guesses) == 3


def test_a_batch_is_described(tools: MlTools) -> None:
    answer: dict[str, Any] = tools.predict_batch_with_embeddings(Request(), batch_size=10)

    assert answer.keys() == {"batch_size", "predictions_shape", "avg_confidence"}
    assert (answer["batch_size"], answer["predictions_shape"]) == (10, [10, 3])
    assert 0 < answer["avg_confidence"] < 1


@pytest.mark.parametrize(("dimensions", "encoding"), [(128, "json"), (129, "binary")])
def test_a_batch_is_described_with_its_embeddings(
    tools: MlTools, dimensions: int, encoding: str
) -> None:
    answer = tools.predict_batch_with_embeddings(
        Request(), batch_size=10, include_embeddings=True, embedding_dim=dimensions
    )

    assert answer["embeddings_shape"] == [10, dimensions]
    assert answer["embeddings_encoding"] == encoding
    assert answer["embeddings_size_bytes"] == 80 * dimensions


@pytest.mark.parametrize(("batch_size", "dimensions"), [(0, 1), (10**7, 1), (1, 0)])
def test_a_batch_that_cannot_be_is_refused(
    tools: MlTools, batch_size: int, dimensions: int
) -> None:
    with pytest.raises(ValueError, match="batch_size="):
        tools.predict_batch_with_embeddings(
            Request(), batch_size=batch_size, embedding_dim=dimensions
        )
