"""Whatever the cuts, the pieces of a field are what DSPy's adapter reads."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from xml.sax.saxutils import escape

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.handlers.dspy.streaming.field_texts import FieldTexts
from snakepit_bridge.handlers.dspy.streaming.pieces import Piece

NAMES = ("reasoning", "answer")
SIGNATURE = dspy.Signature("question -> reasoning, answer")

SPECIAL = st.sampled_from([
    *("[[ ## completed ## ]]", "[[ ## answer ## ]]", "[[ ## ", "[[ ##", "[[ ## x", "[", "]]", "#"),
    *("\n", "\r", "\r\n", "\u2028", "\x85", "\x1c", " ", "\t", "\xa0", "\x1f", "{", "}", '"', ","),
    *("<answer>", "</answer>", "<", ">", "&", ";", "</", "&amp;", "]]>", "-->", "😀", "\\", "\\u"),
])  # fmt: skip
TEXT = st.lists(SPECIAL | st.text(max_size=5), max_size=8).map("".join)
PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
CUTS = st.lists(st.integers(min_value=0, max_value=400), max_size=30)


def pieces_of(deltas: Iterable[str], names: Sequence[str] = NAMES) -> list[Piece]:
    splitter = FieldTexts(names)
    pieces = [piece for delta in deltas for piece in splitter.feed(delta)]
    return pieces + splitter.finish()


def texts_of(pieces: Iterable[Piece]) -> dict[str, str]:
    """The texts by field, once it is sure that each field comes in one row and ends once."""
    texts: dict[str, str] = {}
    for field, row in itertools.groupby(pieces, key=lambda piece: piece.field):
        parts = list(row)
        assert field not in texts
        assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
        texts[field] = "".join(part.text for part in parts)
    return texts


def cut(answer: str, cuts: Iterable[int]) -> list[str]:
    places = sorted({0, len(answer), *(place for place in cuts if place < len(answer))})
    return [answer[begin:end] for begin, end in itertools.pairwise(places)]


def every_way(answer: str, cuts: Iterable[int] = ()) -> dict[str, str]:
    """The texts of an answer, which must be the same whole, in single characters or as cut."""
    whole = texts_of(pieces_of([answer]))
    assert texts_of(pieces_of(answer)) == whole
    assert texts_of(pieces_of(cut(answer, cuts))) == whole
    return whole


def read_by(adapter: Any, answer: str) -> dict[str, str] | None:
    try:
        return dict(adapter.parse(SIGNATURE, answer))
    except dspy.utils.exceptions.AdapterParseError:
        return None


def in_section(text: str) -> str:
    return f"<![CDATA[{text.replace(']]>', ']]')}]]>"


@given(TEXT, TEXT, TEXT, st.sampled_from(["", " ", "\n", "  \t"]), CUTS)
def test_the_chat_form_says_what_the_chat_adapter_reads(
    before: str, reasoning: str, answer: str, gap: str, cuts: list[int]
) -> None:
    whole = (
        f"\n[[ ## note ## ]]{before}\n{gap}[[ ## reasoning ## ]]{gap}{reasoning}\n"
        f"[[ ## answer ## ]]\n{answer}\n\n[[ ## completed ## ]]{gap}"
    )
    splitter = FieldTexts(NAMES)
    opened = splitter.feed("[[ ## reasoning ## ]]")  # so that the form is decided
    assert opened == []
    rest = "\n" + reasoning + whole
    expected = dspy.ChatAdapter().parse(SIGNATURE, "[[ ## reasoning ## ]]" + rest)
    pieces = [p for delta in cut(rest, cuts) for p in splitter.feed(delta)] + splitter.finish()
    assert texts_of(pieces) == expected
    assert every_way("[[ ## reasoning ## ]]" + rest, cuts) == expected


@given(TEXT | st.text(st.sampled_from('[]# \nansweri{"<>:&'), max_size=60), CUTS)
def test_any_text_gives_the_same_however_it_is_cut(answer: str, cuts: list[int]) -> None:
    every_way(answer, cuts)


@given(
    st.dictionaries(st.sampled_from(["other", 'o"dd']), TEXT | st.none() | st.integers()),
    TEXT,
    TEXT,
    st.sampled_from([{}, {"indent": 2}, {"ensure_ascii": False}]),
    CUTS,
)
def test_the_json_form_says_what_the_json_adapter_reads(
    extra: dict[str, Any], reasoning: str, answer: str, style: dict[str, Any], cuts: list[int]
) -> None:
    nested = {"answer": [answer, {"reasoning": "}"}]}
    data = {"number": 7, "reasoning": reasoning, "nested": nested, "answer": answer, **extra}
    text = json.dumps(data, **style)
    expected = dspy.JSONAdapter().parse(SIGNATURE, text)
    assert every_way(text, cuts) == expected
    assert every_way(f"Here it is:\n```json\n{text}\n```\nIs it {{good}}?", cuts) == expected


@given(PLAIN, TEXT, TEXT, st.sampled_from([escape, in_section]), CUTS)
def test_the_xml_form_says_what_the_xml_adapter_reads(
    prose: str, reasoning: str, answer: str, written: Callable[[str], str], cuts: list[int]
) -> None:
    text = (
        f"{escape(prose)}<reasoning>\n{written(reasoning)}\n</reasoning>\n"
        f'<!-- so -->\n<answer note="1">{written(answer)}<!-- a - b --></answer >'
    )
    expected = read_by(dspy.XMLAdapter(), text)
    found = every_way(text, cuts)
    if expected is not None:  # control characters are no XML
        assert found == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("[[ ## answer ## ]]\nshort", {"answer": "short"}),
        ("[[ ## answer ## ]] beside  \n below", {"answer": "beside\n below"}),
        ("[[ ## answer ## ]]\nsee [[ ## reasoning ## ]]", {"answer": "see [[ ## reasoning ## ]]"}),
        ("[[ ## answer ## ]]\nx\n[[ ## oth", {"answer": "x\n[[ ## oth"}),
        (f"[[ ## answer ## ]]\n[[ ## {'x' * 300} ## ]]", {"answer": f"[[ ## {'x' * 300} ## ]]"}),
        ("[[ ## answer ## ]]\na\n[[ ## answer ## ]]\nb", {"answer": "a"}),
        ("[[ ## answer ## ]]\n[[ ## reasoning ## ]]\n", {"answer": "", "reasoning": ""}),
        ('{"answer": "\\ud83d\\ude00\\ud83d!\\ude00"}', {"answer": "😀\ufffd!\ufffd"}),
        ('{"answer": "\\ud83d\\ud83d\\ude00 \\q \\u12G4"}', {"answer": "\ufffd😀 \\q \\u12G4"}),
        ('{"answ\\u0065r": "x"}', {"answer": "x"}),
        ('{"answer" : "x"}', {"answer": "x"}),
        ('{"answer": 4.5e3 , "reasoning": true}', {"answer": "4.5e3", "reasoning": "true"}),
        (
            '{"answer": [1, {"a": "]\\"}"}], "reasoning": "so"} and {"reasoning": 1}',
            {"answer": '[1, {"a": "]\\"}"}]', "reasoning": "so"},
        ),
        ('{"answer": "cut of', {"answer": "cut of"}),
        ('{"answer": "cut\\u12', {"answer": "cut"}),
        ('{"answer": 1 "reasoning"; "x": 2, reasoning: 3}', {"answer": '1 "reasoning"; "x": 2'}),
        ('{"answer": "a" "b", "reasoning": "c"}', {"answer": "a", "reasoning": "c"}),
        ('{"answer": "a"; "reasoning": "c"}', {"answer": "a", "reasoning": "c"}),
        ('{"answer", "reasoning": 1} {"answer": 2}', {"reasoning": "1"}),
        ('In {x} or {"x"}: {"answer": "y"}', {"answer": "y"}),
        ('{"' + "x" * 300 + '": 1, "answer": 2}', {"answer": "2"}),
        ("<answer/><reasoning />", {"answer": "", "reasoning": ""}),
        ("2 < 3 <b>so</b> <answer>x</answer>", {"answer": "x"}),
        ("<answer>a<b>&lt;&#62;</b>c</answer>", {"answer": "a<b>&lt;&gt;</b>c"}),
        ("<answer>1 < 2 & 3 &#xD800;</answer>", {"answer": "1 < 2 & 3 \ufffd"}),
        ("<answer><answer>x</answer>y</answer>", {"answer": "<answer>x</answer>y"}),
        ("<answer>x<answer/></answer>y", {"answer": "x<answer/>"}),
        ("<answer>x</reason", {"answer": "x"}),
        ("<answer>x\r\ny\rz<![CDATA[\r\n]-]]></answer>", {"answer": "x\ny\nz\n]-"}),
        ('<answer>{"reasoning": "x"}</answer>', {"answer": '{"reasoning": "x"}'}),
        ('{"answer": "<answer>x</answer>\\n[[ ## reasoning ## ]]"}',
         {"answer": "<answer>x</answer>\n[[ ## reasoning ## ]]"}),
        ("No field at all.", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_an_answer_gives_these_texts_in_any_pieces(answer: str, expected: dict[str, str]) -> None:
    assert every_way(answer) == expected


def test_text_is_told_at_once_but_for_what_may_become_a_marker_or_the_end() -> None:
    splitter = FieldTexts(NAMES)
    told = [
        "".join(piece.text for piece in splitter.feed(letter))
        for letter in "[[ ## answer ## ]]\nab [x] [[ ## \n[[ ##x\n[[ ## completed ## ]]"
    ]
    assert told == [
        *[""] * 19,
        *("a", "b", "", " [", "x", "]", "", " [", "[", "", " #", "#"),
        *[""] * 7,
        " \n[[ ##x",
        *[""] * 22,
    ]


def test_pieces_of_one_delta_are_put_together() -> None:
    answer = '{"reasoning": "a\\nb\\tc", "answer": [1, [2]]}'
    assert pieces_of([answer]) == [
        Piece("reasoning", "a\nb\tc", last=True),
        Piece("answer", "[1, [2]]", last=True),
    ]


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        ("[[ ## answer ## ]]\n-", "\n[[ ## a"),
        ("[[ ## answer ## ]]\n-", "a"),
        ('{"answer": "', "\\u12g4"),
        ('{"answer": "', "\\ud8"),
        ('{"answer": ["', "\\\\["),
        ("<answer>-", "<a b"),
        ("<answer>-", "<a"),
        ("<answer>-<![CDATA[", "]]"),
        ("<answer>-", "&am"),
    ],
)
def test_little_is_held_back_whatever_comes(begin: str, more: str) -> None:
    splitter = FieldTexts(NAMES)
    splitter.feed(begin)
    told = sum(len(piece.text) for _ in range(2000) for piece in splitter.feed(more))
    assert told > 2000 * len(more) - 1000
