from __future__ import annotations

import pytest

from snakepit_bridge.adapters.showcase.text_tools import analyze_text, process_text


@pytest.mark.parametrize(
    ("operation", "result"),
    [("upper", "ABC"), ("lower", "abc"), ("reverse", "cBa"), ("length", 3)],
)
def test_a_text_is_turned_into_another(operation: str, result: str | int) -> None:
    assert process_text("aBc", operation) == {
        "original": "aBc",
        "operation": operation,
        "result": result,
        "success": True,
    }


def test_another_operation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'rot13'.*upper, lower"):
        process_text("abc", "rot13")


@pytest.mark.defect("D50")
def test_the_words_of_a_text_are_counted() -> None:
    answer = analyze_text("Good tea. Don't spill good tea!")

    assert answer == {
        "text": "Good tea. Don't spill good tea!",
        "word_count": 6,
        "unique_words": 4,
        "sentence_count": 2,
        "sentiment": "positive",
        "confidence": 1.0,
        "success": True,
    }


@pytest.mark.parametrize(
    ("text", "sentiment", "confidence"),
    [
        ("Terrible, but great. Awful, really", "negative", 2 / 3),
        ("good, bad", "neutral", 0.5),
        ("tea", "neutral", 0.5),
    ],
)
def test_the_mood_of_a_text_is_guessed(text: str, sentiment: str, confidence: float) -> None:
    answer = analyze_text(text)

    assert (answer["sentiment"], answer["confidence"]) == (sentiment, pytest.approx(confidence))


@pytest.mark.parametrize(("text", "sentences"), [("", 0), ("no end", 1)])
def test_sentences_need_no_full_stop(text: str, sentences: int) -> None:
    assert analyze_text(text)["sentence_count"] == sentences
