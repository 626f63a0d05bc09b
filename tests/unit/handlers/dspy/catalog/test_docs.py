from __future__ import annotations

import inspect

import dspy

from snakepit_bridge.handlers.dspy.catalog import docs as catalog_docs


def example(first: str, second: int = 0, **config: str) -> None:
    """Do one thing.

    And say more.

    Args:
        first (str): What comes first:
            with a second line.

            And a third.
        second: Comes then.
        **config: Everything else.
        not an item

    Returns:
        first: not a parameter.
    """


class Silent:
    def __init__(self) -> None:
        """Say what the class does not."""


class Mute:
    pass


DEPRECATED = """
.. deprecated:: 3.4
    Gone soon.
    Use another.

Does something.
"""


def test_parameters_are_read_with_all_their_lines() -> None:
    assert catalog_docs.parameters_in(catalog_docs.doc_of(example)) == {
        "first": "What comes first: with a second line. And a third.",
        "second": "Comes then.",
        "config": "Everything else.",
    }


def test_a_docstring_without_arguments_describes_none() -> None:
    assert catalog_docs.parameters_in("Does something.\n\nReturns:\n    Nothing.") == {}
    assert catalog_docs.parameters_in("Args:\n") == {}
    assert catalog_docs.parameters_in("Args:\n    first: To the end.") == {"first": "To the end."}


def test_dspys_own_docstrings_are_read() -> None:
    doc = catalog_docs.doc_of(dspy.ChainOfThought)

    assert set(catalog_docs.parameters_in(doc)) == {
        "signature",
        "rationale_field",
        "rationale_field_type",
        "config",
    }
    assert catalog_docs.summary_of(doc) == (
        "A module that reasons step by step before producing the output."
    )


def test_a_class_that_says_nothing_is_described_by_its_constructor() -> None:
    assert catalog_docs.doc_of(Silent) == "Say what the class does not."
    assert catalog_docs.doc_of(Mute) == ""
    assert catalog_docs.doc_of(3) == inspect.cleandoc(int.__doc__ or "")


def test_what_goes_away_says_so() -> None:
    doc = inspect.cleandoc(DEPRECATED)

    assert catalog_docs.deprecation_in(doc) == "Gone soon. Use another."
    assert catalog_docs.summary_of(doc) == "Does something."
    assert catalog_docs.deprecation_in("Stays.") == ""


def test_what_may_change_says_so() -> None:
    doc = "Experimental: This class may change.\n\nDoes something.\n\nMore."

    assert catalog_docs.is_experimental(doc)
    assert catalog_docs.summary_of(doc) == "Does something."
    assert not catalog_docs.is_experimental("Does something. Experimental: no.")


def test_very_long_docstrings_are_cut() -> None:
    assert catalog_docs.shown("x" * 8000) == "x" * 8000
    assert catalog_docs.shown("x" * 8001) == "x" * 7997 + "..."
