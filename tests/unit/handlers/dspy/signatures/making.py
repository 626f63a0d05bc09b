"""What the tests of signatures are made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dspy

from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.offline import Answer, OfflineEngine, offline_lm
from snakepit_bridge.handlers.dspy.plain import PlainData
from snakepit_bridge.handlers.dspy.signature_text import SignatureText
from snakepit_bridge.handlers.dspy.signatures.signature_data import SignatureMaker

_ALLOW = AllowList()
MAKER = SignatureMaker(DSPyDoor(), SignatureText(_ALLOW.find).check, _ALLOW.find)


def made(data: Mapping[str, Any]) -> Any:
    """The signature of this data."""
    return MAKER.made(data)


def with_output(schema: Any, **more: Any) -> Any:
    """The signature with this schema as the output ``value``."""
    return made({"inputs": {"question": "str"}, "outputs": {"value": {"schema": schema}}, **more})


def answers(signature: Any, *answer: Answer, adapter: Any = None, **inputs: Any) -> dict[str, Any]:
    """What the offline model answers, as the bridge hands it on."""
    with dspy.context(lm=offline_lm(answer), adapter=adapter):
        prediction = dspy.Predict(signature)(**(inputs or {"question": "?"}))
    plain: dict[str, Any] = PlainData(dspy, lambda _: "kept").answer(prediction)
    return plain


def value(schema: Any, *answer: Any, adapter: Any = None) -> Any:
    """What comes of one answer, or of a made up one, where this schema is wanted."""
    sent = [{"value": each} for each in answer]
    return answers(with_output(schema), *sent, adapter=adapter)["value"]


class Listener(OfflineEngine):
    """An engine that keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def complete(self, request: Any) -> Any:
        self.asked.append(str(request))
        return super().complete(request)
