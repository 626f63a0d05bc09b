from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.values.redaction import redacted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer a/b:c,d e", "Authorization: Bearer <REDACTED> e"),
        ("'authorization: bearer a|b'", "'authorization: bearer <REDACTED>'"),
        (r"Authorization: Bearer a|b\n", r"Authorization: Bearer <REDACTED>\n"),
        ("Bearer abc-._~+/09== end", "Bearer <REDACTED> end"),
        ("BEARER abc;", "BEARER <REDACTED>;"),
        ("key sk-abcdefghij.", "key sk-<REDACTED>."),
        ("sk-proj-Ab_cd-12345678", "sk-<REDACTED>"),
        ("sk-ant-api03-Ab_cd", "sk-<REDACTED>"),
        ("api_key='a b'", "api_key='<REDACTED>'"),
        ('API-KEY: "x"', 'API-KEY: "<REDACTED>"'),
        ("apikey = 'x'", "apikey = '<REDACTED>'"),
        ('{"token": "x", "n": 1}', '{"token": "<REDACTED>", "n": 1}'),
        ("{'secret': 'x'}", "{'secret': '<REDACTED>'}"),
        ("access_token='x', name='y'", "access_token='<REDACTED>', name='y'"),
        (r"password='it\'s', name='y'", "password='<REDACTED>', name='y'"),
        ("password='two\nlines'", "password='<REDACTED>'"),
        (r"'{\"password\": \"x\", \"n\": 1}'", r"'{\"password\": \"<REDACTED>\", \"n\": 1}'"),
        ("token='Bearer abc'", "token='<REDACTED>'"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "User(name='Alice', age=30)",
        "sk-short",
        "task-abcdefghijklmnop",
        "SK-ABCDEFGHIJKL",
        "tokenizer='fast'",
        "password=None",
        "Bearer",
        "a token: none",
    ],
)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


@given(st.text(alphabet="ab'\"\\ =:"))
def test_a_quoted_value_of_any_form_does_not_survive(noise: str) -> None:
    value = repr(f"hunter2{noise}")

    shown = redacted(f"Account(password={value})")

    assert "hunter2" not in shown
