from __future__ import annotations

from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.signatures.arguments import resolved_signatures, takes_signature
from tests.unit.handlers.dspy.signatures.making import MAKER

DATA = {"inputs": {"question": "str"}, "outputs": {"many": {"type": "boolean"}}}


def test_an_object_under_signature_becomes_a_class() -> None:
    args: Any = resolved_signatures({"signature": DATA, "max_iters": 3}, MAKER)

    assert args["max_iters"] == 3
    assert dspy.Predict(args["signature"]).signature.output_fields["many"].annotation is bool


def test_so_does_the_first_positional_one() -> None:
    args: Any = resolved_signatures([DATA, 5], MAKER)

    assert issubclass(args[0], dspy.Signature)
    assert args[1:] == [5]


@pytest.mark.parametrize(
    "args", [None, [], {}, ["q -> a"], {"signature": "q -> a"}, {"tools": [DATA]}, ["x", DATA]]
)
def test_anything_else_stays(args: Any) -> None:
    assert resolved_signatures(args, MAKER) is args


def test_an_object_that_is_no_signature_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="'outputs' is missing"):
        resolved_signatures({"signature": {"inputs": {}}}, MAKER)


@pytest.mark.parametrize(
    ("target", "takes"),
    [
        *((dspy.Predict, True), (dspy.ChainOfThought, True), (dspy.ReAct, True)),
        *((dspy.ReActV2, True), (dspy.RLM, True), (dspy.MultiChainComparison, True)),
        *((dspy.Example, False), (dspy.Prediction, False), (dspy.BestOfN, False)),
        *((dspy.Signature, False), (dspy.Image, False)),
    ],
)
def test_only_classes_whose_first_parameter_is_a_signature_take_one(
    target: Any, takes: Any
) -> None:
    assert takes_signature(target) is takes
