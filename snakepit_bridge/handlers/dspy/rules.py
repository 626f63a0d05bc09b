"""Which parts of DSPy only compute, as data for the allow-list.

DSPy is a library for programmers: it reads and writes files, opens connections, runs code, and
takes keys from the environment wherever that is convenient. Somebody at the other end of a wire
gets the parts that do none of this. A part that is not listed here needs ``--allow`` with its own
name, so a new version of DSPy opens nothing by itself.
"""

from __future__ import annotations

import msgspec

OPEN = (
    "dspy.adapters",
    "dspy.evaluate.auto_evaluation",
    "dspy.predict.best_of_n",
    "dspy.predict.chain_of_thought",
    "dspy.predict.knn",
    "dspy.predict.multi_chain_comparison",
    "dspy.predict.parameter",
    "dspy.predict.predict",
    "dspy.predict.react",
    "dspy.predict.react_v2",
    "dspy.predict.refine",
    "dspy.primitives.base_module",
    "dspy.primitives.example",
    "dspy.primitives.module",
    "dspy.primitives.prediction",
    "dspy.signatures",
    "dspy.teleprompt.bootstrap",
    "dspy.teleprompt.copro_optimizer",
    "dspy.teleprompt.infer_rules",
    "dspy.teleprompt.knn_fewshot",
    "dspy.teleprompt.mipro_optimizer_v2",
    "dspy.teleprompt.random_search",
    "dspy.teleprompt.signature_opt",
    "dspy.teleprompt.simba",
    "dspy.teleprompt.teleprompt",
    "dspy.teleprompt.vanilla",
    "snakepit_bridge.handlers.dspy.programs.program",
)
"""Modules whose classes compute from their arguments and ask the session's language model."""

OPEN_FUNCTIONS = ("dspy.evaluate.metrics", "dspy.signatures")
"""Modules whose functions do no more than that; elsewhere they set attributes, read files …"""

RUNS_CODE = (
    "dspy.predict.code_act",
    "dspy.predict.flex",
    "dspy.predict.program_of_thought",
    "dspy.predict.rlm",
    "dspy.primitives.code_interpreter",
    "dspy.primitives.facade",
    "dspy.primitives.local_interpreter",
    "dspy.primitives.python_interpreter",
)
"""Modules whose classes, and their subclasses, run code that a model or a caller wrote."""

GOING = ("dspy.predict.code_act", "dspy.predict.program_of_thought")
"""Deprecated in DSPy 3.4 and gone in 3.5."""


class Rule(msgspec.Struct, frozen=True):
    """Names that are refused on whatever is defined in one area."""

    area: str
    names: frozenset[str]
    hint: str


HINTS = {
    "dspy.clients": "Set the session's language model with the command 'dspy.configure'.",
    "dspy.evaluate.evaluate": "It writes files where it is told to.",
    "dspy.predict.parallel": "Send the calls one by one; the bridge runs them in parallel.",
    "dspy.dsp.utils.settings": "The command 'dspy.configure' sets what the session uses.",
    "dspy.utils.saving": "Programs on disk are code; build the program anew from its classes.",
}
"""What to do instead, by area; the longest that fits holds."""

METHODS = (
    Rule(
        "dspy",
        frozenset({"load", "load_state", "save"}),
        "Use dspy.get_state, dspy.set_state, dspy.save_state and dspy.load_state.",
    ),
    Rule(
        "dspy.adapters.types",
        frozenset({"from_file", "from_path", "from_url"}),
        "Send the content itself, as a data URI.",
    ),
    Rule("dspy", frozenset({"inspect_history"}), "Use dspy.history."),
    Rule("dspy", frozenset({"set_lm"}), "Use dspy.configure, or the 'settings' of one call."),
)

ARGUMENTS = (
    Rule(
        "dspy.teleprompt",
        frozenset({"log_dir"}),
        "Leave it out: the bridge writes no files for its callers.",
    ),
    Rule(
        "dspy.adapters.types",
        frozenset({"download", "verify"}),
        "Send the content itself, as a data URI.",
    ),
    Rule(
        "dspy.adapters.types.tool",
        frozenset({"arg_types"}),
        "Describe the arguments with 'args', as JSON schema.",
    ),
)


TAKES_NO_MODULES = ("dspy.adapters", "dspy.predict.react", "dspy.predict.react_v2")
"""Modules whose classes call what they are given with arguments that a language model wrote.

A module called like that reads one of them, ``signature``, as types to evaluate.
"""

MODULE = "dspy.primitives.module"
"""Where the class of all modules is defined."""

DATA = ("dspy.primitives.example", "dspy.primitives.prediction", "dspy.adapters.types")
"""Modules whose classes keep text as it is; all others may read it as a signature."""

READS_SIGNATURES = "dspy.signatures"
"""Where functions read text as a signature."""

THREADS = "num_threads"
"""The argument that says how many threads DSPy may start."""

MOST_THREADS = 64
"""Threads that one call may ask DSPy to start."""

SIGNATURE = "signature"
"""The argument of a module that it reads as a signature, and in which data may reach it."""
