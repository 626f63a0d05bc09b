"""Which names a field of a signature may have."""

from __future__ import annotations

from keyword import iskeyword

LONGEST = 100
"""Characters of a name; a prompt repeats it several times."""

TAKEN = frozenset({
    *("fields", "input_fields", "instructions", "output_fields", "signature"),
    *("model_config", "model_dump", "model_dump_json"),
    *("model_validate", "model_validate_json", "model_validate_strings"),
    *("base", "self"),
})  # fmt: skip
"""Names with which DSPy, pydantic, or a training example with such a field breaks."""

TAKEN_BY_CALLS = frozenset({"completions", "config", "demos", "lm", "new_signature"})
"""Names that mean something else where a module is called; outputs may have them."""

HIDDEN = "dspy_"
"""Examples do not show what begins like this."""


def why_not(name: object, *, is_input: bool) -> str:
    """Why a field cannot have this name; empty when it can."""
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
        return "is no name for a field: letters, digits and '_', not first a digit, no keyword"
    if len(name) > LONGEST:
        return f"has a name of {len(name)} characters; {LONGEST} are possible"
    if name.startswith("_"):
        return f"begins with '_', which pydantic keeps for itself (say {name.lstrip('_')!r})"
    if name.startswith(HIDDEN):
        return f"begins with {HIDDEN!r}, which DSPy keeps for itself"
    if name in TAKEN or (is_input and name in TAKEN_BY_CALLS):
        return f"has a name that DSPy uses itself (say 'the_{name}')"
    return ""
