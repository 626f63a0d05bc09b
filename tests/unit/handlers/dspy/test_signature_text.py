from __future__ import annotations

import string
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.dspy.signature_text import SignatureText

CHECK = SignatureText(AllowList().find).check


def test_types_that_are_nested_too_deep_are_refused() -> None:
    for deep in ("|".join(["int"] * 2_000), "-" * 9_000 + "1"):
        with pytest.raises(NotAllowedError):
            SignatureText(lambda _: int).check(f"x: {deep} -> y")


def test_texts_that_could_be_long_signatures_are_not_read() -> None:
    check = SignatureText(lambda _: int).check

    with pytest.raises(NotAllowedError, match="could be a signature"):
        check("x" * 20_000 + " -> y")
    check("a long text without what signatures have " * 10_000)


@pytest.mark.parametrize(
    "text",
    [
        "question -> answer",
        "text: str, count: int -> labels: list[str], sure: bool",
        "q -> a: Literal['yes', 'no', 3]",
        "q -> a: Optional[int], b: int | None, c: Union[str, float]",
        "q -> a: dict[str, list[int]], b: tuple[int, ...]",
        "image: dspy.Image -> history: dspy.History",
        "images: list[dspy.Image] -> a",
    ],
)
def test_known_types_pass(text: str) -> None:
    CHECK(text)


@pytest.mark.parametrize(
    "text",
    ["no arrow", "two -> arrows -> here", "not a, signature at all -> x y", "\0 -> a", "a b -> c"],
)
def test_text_that_is_no_signature_is_left_to_whoever_reads_it(text: str) -> None:
    CHECK(text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        # imports a module, takes what it likes from it
        ("q -> a: os.system", "os.system"),
        ("q: antigravity -> a", "antigravity"),
        ("q -> a: Literal[os.environ.items]", "os.environ.items"),
        ("q -> a: Annotated[int, os.environ]", "Annotated"),
        ("q -> a: dict[str, os.PathLike]", "os.PathLike"),
        ("q -> a: int | os.PathLike", "os.PathLike"),
        ("q -> a: os.PathLike | int", "os.PathLike"),
        # strings that pydantic evaluates
        ("q -> a: list['__import__(\"os\").getcwd()']", "__import__"),
        ("q -> a: Optional['print(1)']", "print(1)"),
        ("q -> a: 'int'", "int"),
        # modules that typing has imported, and names of the frames above
        ("q -> a: sys", "sys"),
        ("q -> a: session", "session"),
        ("q -> a: Image", "Image"),
        # calls
        ("q -> a: Field(default_factory=os.getcwd)", "Field"),
        ("q -> a: dspy.predict.predict.copy.copy", "copy"),
        ("q -> a: ('x').join", "join"),
        ("q -> a: dspy.ensure_signature", "ensure_signature"),
        ("q -> a: dspy.LM", "LM"),
        # the inputs count, even when the outputs are no signature
        ("q: os.system -> a b", "os.system"),
        # a half that closes its bracket
        ("q: os.system): pass\ndef g(x -> a", "os.system"),
    ],
)
def test_everything_else_is_refused_and_named(text: str, named: str) -> None:
    with pytest.raises(NotAllowedError, match=r".") as caught:
        CHECK(text)

    assert named in caught.value.message


def test_nothing_is_imported_to_find_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)

    with pytest.raises(NotAllowedError):
        CHECK("q -> a: this.s")

    assert "this" not in sys.modules


def test_a_class_that_does_not_exist_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        CHECK("image: dspy.Imgae -> a")

    assert caught.value.hint == "Did you mean 'dspy.Image'?"


@given(st.text(alphabet=string.ascii_letters + " .:,->[]()'\"_|\n", max_size=60))
def test_whatever_is_sent_is_passed_or_refused(text: str) -> None:
    with suppress(NotAllowedError, InvalidArgumentError):
        CHECK(text)
