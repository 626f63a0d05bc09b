from __future__ import annotations

import pytest

from snakepit_bridge.adapters.docstrings import parameter_descriptions


def test_each_parameter_is_described_in_one_line() -> None:
    docstring = """Do something.

        More about it: with a colon.

        Args:
            first: The first one.
            second (list[int], optional): The second one,
                which takes: two lines.

            *rest: All others.
            **options: By name.

        Returns:
            result: Nothing of the kind.
        """

    assert parameter_descriptions(docstring) == {
        "first": "The first one.",
        "second": "The second one, which takes: two lines.",
        "rest": "All others.",
        "options": "By name.",
    }


@pytest.mark.parametrize("heading", ["Args:", "Arguments:", "Parameters:"])
def test_the_section_may_end_the_docstring(heading: str) -> None:
    assert parameter_descriptions(f"Do.\n\n{heading}\n  it: What to do.") == {"it": "What to do."}


@pytest.mark.parametrize(
    "docstring",
    [
        "",
        "Do something.",
        "Do.\n\nArgs:",
        "Do.\n\nExample:\n    Args:\n        it: Not a section but an example.",
        "Do.\n\nArgs:\n    no entry at all\n",
        "Do.\n\n:param it: Another style.",
        "Do.\n\nParameters\n----------\nit : int\n    Another style.",
    ],
)
def test_another_style_describes_nothing(docstring: str) -> None:
    assert parameter_descriptions(docstring) == {}


def test_what_stands_before_the_first_entry_describes_nothing() -> None:
    assert parameter_descriptions("Do.\n\nArgs:\n    See below\n    it: What.") == {"it": "What."}
