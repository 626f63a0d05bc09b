from __future__ import annotations

from typing import Any

import dspy
import pydantic
import pytest

from snakepit_bridge.errors import (
    BridgeError,
    InstanceNotFoundError,
    InvalidArgumentError,
    NotAllowedError,
)
from snakepit_bridge.handlers.dspy.offline import offline_lm
from snakepit_bridge.handlers.registry import HandlerRegistry
from tests.unit.handlers.dspy.composing import Bench, Doubler, Echo, Plain, both, program, step
from tests.unit.handlers.dspy.signatures.making import with_output


def problems_of(*steps: Any, **more: Any) -> dict[str, str]:
    with pytest.raises(InvalidArgumentError) as caught:
        program(*steps, **more)
    found: dict[str, str] = caught.value.details["problems"]
    return found


ASK = step("ask", "question -> query: str")
TELL = step("tell", "query, question -> answer: str, count: int")


def test_a_program_is_a_module_whose_inputs_nobody_had_to_name() -> None:
    made = program(ASK, TELL, instructions="Answer well.")

    assert isinstance(made, dspy.Module)
    assert list(made.signature.input_fields) == ["question"]
    assert {name: each.annotation for name, each in made.signature.output_fields.items()} == {
        "answer": str,
        "count": int,
    }
    assert made.signature.instructions == "Answer well."
    assert both(made, question="?").keys() == {"answer", "count"}


def test_the_registry_takes_the_command() -> None:
    registry = HandlerRegistry()
    registry.register(Bench().handler)

    assert "dspy.create_program" in registry.names


def test_a_program_can_be_called_through_the_allow_list() -> None:
    bench = Bench()
    made = bench.program(ASK)

    with dspy.context(lm=offline_lm()):
        assert "query" in bench.allow.method(made, "__call__")(question="?")
    with pytest.raises(NotAllowedError):
        bench.allow.method(made, "load_state")


def test_steps_are_wired_by_name_or_as_they_are_told() -> None:
    made = program(
        step("double", Doubler(), inputs={"number": "$.n"}),
        step("echo", Echo(), inputs={"a": "$double.number", "b": {"value": {"c": 3}}}),
        step("again", Doubler(), inputs={"number": "$double.number"}),
        outputs={
            "quadruple": "$again.number",
            "echoed": {"list": ["$echo.a", "$echo.b.c", "$.n", "$.other.x"]},
            "deep": "$double.parts.list.1.deep",
            "first": {"first": ["$.other", "$.n"]},
            "plain": {"value": None},
        },
    )

    assert both(made, n=5) == {
        "quadruple": 20,
        "echoed": [10, 3, 5],
        "deep": 2,
        "first": 5,
        "plain": None,
    }
    assert both(made, n=5, other={"x": 1})["first"] == {"x": 1}
    assert made.plan.required == ("n",)
    assert made.signature.input_fields["other"].annotation == Any | None
    assert made.plan.optional == ("times", "other")


def test_a_step_goes_over_a_list() -> None:
    made = program(
        step(
            "each",
            Doubler(),
            over="$.numbers",
            inputs={"number": "$item.n", "times": "$index"},
            at_once=2,
        ),
        step("echo", Echo(), inputs={"all": "$each.number"}, when="$each.number"),
        outputs={"all": "$each.number", "echoed": "$echo.all"},
    )

    assert both(made, numbers=[{"n": 5}, {"n": 6}, {"n": 7}]) == {
        "all": [0, 6, 14],
        "echoed": [0, 6, 14],
    }
    assert both(made, numbers=[]) == {"all": [], "echoed": None}
    assert both(made, numbers=None) == {"all": [], "echoed": None}


def test_an_input_called_item_is_given_the_item() -> None:
    made = program(step("each", "item: str -> length: int", over="$.texts"))

    assert list(made.signature.input_fields) == ["texts"]
    assert made.signature.output_fields["length"].annotation == list[int]
    assert both(made, texts=["a", "b"]) == {"length": [0, 0]}


def test_fields_that_only_some_items_give_are_null_for_the_others() -> None:
    made = program(
        step("each", Plain(), over="$.items", inputs={"text": "$item"}),
        outputs={"a": "$each.a", "b": "$each.b"},
    )

    assert both(made, items=[{"a": 1}, {"b": 2}]) == {"a": [1, None], "b": [None, 2]}


def test_what_is_no_prediction_is_the_field_result() -> None:
    assert both(program(step("a", Plain()), outputs={"x": "$a.result"}), text=7) == {"x": 7}


@pytest.mark.parametrize("gone", [[], "x", 5])
def test_a_step_cannot_go_over_what_is_no_list(gone: Any) -> None:
    made = program(
        step("each", Doubler(), over="$.n", inputs={"number": "$item"}),
        outputs={"out": "$each.number"},
    )

    if gone == []:
        assert both(made, n=gone) == {"out": []}
    else:
        with pytest.raises(InvalidArgumentError, match="no list"):
            made(n=gone)


def test_a_list_may_not_be_endless() -> None:
    made = program(
        step("each", Doubler(), over="$.n", inputs={"number": "$item"}),
        outputs={"out": "$each.number"},
    )

    with pytest.raises(InvalidArgumentError, match="1001 items"):
        made(n=[1] * 1001)


@pytest.mark.parametrize(
    ("condition", "inputs", "taken"),
    [
        ("$.flag", {"flag": True}, True),
        ("$.flag", {"flag": []}, False),
        ("$.flag", {}, False),
        ({"not": "$.flag"}, {}, True),
        ({"source": "$.flag", "equals": "a"}, {"flag": "a"}, True),
        ({"source": "$.flag", "equals": "a"}, {"flag": "b"}, False),
        ({"source": "$.flag", "in": ["a", None]}, {"flag": None}, True),
        ({"not": {"source": "$.flag", "in": ["a"]}}, {"flag": "a"}, False),
        ({"first": ["$.flag", "$.number"]}, {"flag": 0}, False),
    ],
)
def test_a_step_is_skipped_where_its_condition_does_not_hold(
    condition: Any, inputs: Any, taken: Any
) -> None:
    made = program(
        step("maybe", Doubler(), when=condition),
        step("after", Echo(), inputs={"x": "$maybe.number", "y": "$maybe.parts.list"}),
        outputs={"out": "$maybe.number", "after": "$after.x", "list": "$after.y"},
    )

    number = 6 if taken else None
    assert both(made, number=3, **inputs) == {
        "out": number,
        "after": number,
        "list": [3, {"deep": 2}] if taken else None,
    }


def test_one_of_two_branches_answers() -> None:
    kind = {"source": "$route.kind", "equals": "bill"}
    made = program(
        step("route", "question -> kind: Literal['bill', 'tech']"),
        step("bill", "question -> answer: list[str]", when=kind),
        step("tech", "question -> answer: int", when={"not": kind}),
        outputs={"answer": {"first": ["$bill.answer", "$tech.answer"]}, "tech": "$tech.answer"},
    )

    assert both(made, question="?") == {"answer": [], "tech": None}
    assert made.signature.output_fields["tech"].annotation == int | None


def test_inputs_that_a_module_can_do_without_are_optional() -> None:
    made = program(step("a", Doubler()), outputs={"out": "$a.number"})

    assert both(made, number=2) == {"out": 4}
    assert both(made, number=2, times=3) == {"out": 6}
    with pytest.raises(InvalidArgumentError) as caught:
        made(nunber=2)
    assert (
        "'number' is missing; 'nunber' is unknown (did you mean 'number'?)" in caught.value.message
    )
    assert caught.value.hint == "It takes: number, times?."


def test_what_is_said_of_fields_is_said_of_those_of_the_program() -> None:
    ask = dspy.Predict(
        dspy.Signature(
            {
                "q": (list[str], dspy.InputField(desc="What")),
                "a": (int, dspy.OutputField(desc="How many")),
            }
        )
    )

    fields = program(step("ask", ask)).signature.fields

    assert fields["q"].annotation == list[str]
    assert fields["q"].json_schema_extra["desc"] == "What"
    assert fields["a"].json_schema_extra["desc"] == "How many"


def test_an_input_has_the_type_of_the_first_use_that_knows_one() -> None:
    made = program(step("a", Doubler()), step("b", "number: int -> c"), outputs={"c": "$b.c"})

    assert made.signature.input_fields["number"].annotation is int


def test_programs_are_made_of_programs() -> None:
    inner = program(ASK, TELL)
    bench = Bench()
    outer = bench.program(step("inner", inner), step("end", "answer -> summary"))

    assert both(outer, question="?").keys() == {"summary"}
    assert (outer.plan.size, outer.plan.height) == (4, 2)


def test_modules_that_repeat_another_take_what_it_takes() -> None:
    best = dspy.BestOfN(
        dspy.ChainOfThought("question -> answer"), N=2, reward_fn=lambda *_: 1.0, threshold=1.0
    )
    made = program(step("best", best), step("end", "answer, reasoning -> summary"))

    assert list(made.signature.input_fields) == ["question"]
    with dspy.context(lm=offline_lm()):
        assert "summary" in made(question="?")


def test_agents_may_give_more_than_their_signature_says() -> None:
    agent = dspy.ReAct("question -> answer", tools=[])
    made = program(step("agent", agent), outputs={"way": "$agent.trajectory", "a": "$agent.answer"})

    assert both(made, question="?")["way"]["tool_name_0"] == "finish"


# --- what is refused ------------------------------------------------------------------------------


def test_everything_wrong_is_named_at_once_with_its_place() -> None:
    found = problems_of(
        step("ask", "question -> query", inputs={"quetion": "$.q", "question": "$later.x"}),
        step("ask", "x -> y"),
        step("history", "x -> y"),
        step("tell", "query: list[str] -> answer", over="$ask.query", wehn="$.x"),
        step("last", "a -> b", inputs={"a": "$ask.qery"}, at_once=0),
        outputs={"x y": "$ask.query", "n": "$tell.anwser", "question": 5},
    )

    assert found.keys() == {
        *("steps.ask.inputs.quetion", "steps.ask.inputs.question", "steps.1.name", "steps.2.name"),
        *("steps.tell.wehn", "steps.tell.over", "steps.last.inputs.a", "steps.last.at_once"),
        *("steps.tell.inputs.query", "outputs.x y", "outputs.n", "outputs.question"),
    }
    assert "did you mean 'question'?" in found["steps.ask.inputs.quetion"]
    assert "no earlier step" in found["steps.ask.inputs.question"]
    assert "did you mean 'when'?" in found["steps.tell.wehn"]
    assert "is a text, where a list is wanted" in found["steps.tell.over"]
    assert "did you mean 'query'?" in found["steps.last.inputs.a"]


@pytest.mark.parametrize(
    ("made", "place", "why"),
    [
        ([], "steps", "0 steps"),
        ([ASK] * 51, "steps", "51 steps"),
        ([{"ref": dspy.Predict("a -> b")}], "steps.0.name", "no name"),
        ([step("a b", "a -> b")], "steps.0.name", "no name"),
        ([step("_a", "a -> b")], "steps.0.name", "is taken"),
        ([step("item", "a -> b")], "steps.0.name", "is taken"),
        ([step("forward", "a -> b")], "steps.0.name", "is taken"),
        ([step("a", dspy.Example(b=1))], "steps.a.ref", "'Example', which is no module"),
        ([step("a", "a -> b", inputs=[])], "steps.a.inputs", "no object"),
        ([step("a", "a -> b", inputs={"a": "$item"})], "steps.a.inputs.a", "goes over nothing"),
        ([step("a", "a -> b", inputs={"a": "$"})], "steps.a.inputs.a", "no source"),
        ([step("a", "a -> b", inputs={"a": "$x"})], "steps.a.inputs.a", "no source"),
        ([step("a", "a -> b", inputs={"a": "text"})], "steps.a.inputs.a", "a constant is"),
        ([step("a", "a -> b", inputs={"a": "$.x" + ".y" * 20})], "steps.a.inputs.a", "no source"),
        ([step("a", "a -> b", inputs={"a": {"first": []}})], "steps.a.inputs.a", "no source"),
        ([step("a", "a -> b", inputs={"a": {"x": 1}})], "steps.a.inputs.a", "no source"),
        ([step("a", "a -> b", inputs={"a": "$.lm"})], "steps.a.inputs.a", "the input 'lm'"),
        ([step("a", "a -> b", when={"source": "$.x"})], "steps.a.when", "no condition"),
        ([step("a", "a -> b", when={"source": "$.x", "in": 3})], "steps.a.when", "no condition"),
        ([step("a", "a -> b", when="$item")], "steps.a.when", "goes over nothing"),
        ([step("a", "a: int -> b", inputs={"a": {"value": []}})], "steps.a.inputs.a", "is a list"),
        (
            [
                step("a", "x: list[list[int]] -> y: list[list[int]]"),
                step("b", "z: int -> w", over="$a.y", inputs={"z": "$item"}),
            ],
            "steps.b.inputs.z",
            "is a list",
        ),
        ([step("e", Echo(), inputs={"signature": "$.x"})], "steps.e.inputs.signature", "DSPy uses"),
        ([step("e", Echo(), inputs={"lm": "$.x"})], "steps.e.inputs.lm", "DSPy uses"),
        ([step("e", Echo())], "outputs", "what 'e' gives is not known"),
    ],
)
def test_what_is_wrong_is_named(made: Any, place: str, why: str) -> None:
    assert why in problems_of(*made)[place]


def test_outputs_must_be_there_and_have_names_of_their_own() -> None:
    assert "names no output" in problems_of(ASK, outputs={})["outputs"]
    taken = problems_of(ASK, outputs={"question": "$ask.query"})
    assert "an input of the program" in taken["outputs.question"]


def test_steps_must_be_objects_with_refs() -> None:
    bench = Bench()

    with pytest.raises(InvalidArgumentError) as caught:
        bench.handler.create(bench.session, steps=[{"name": "a"}, 5])  # type: ignore[list-item]

    assert caught.value.details["problems"].keys() == {"steps.a.ref", "steps.1", "outputs"}


def test_a_ref_that_leads_nowhere_is_answered_as_such() -> None:
    with pytest.raises(InstanceNotFoundError):
        Bench().ref({"name": "a", "ref": "predict-0123456789abcdef"}, outputs={"x": "$a.y"})


def test_an_object_of_another_handler_is_refused() -> None:
    bench = Bench()

    with pytest.raises(NotAllowedError):
        bench.ref({"name": "a", "ref": bench.keep(object())}, outputs={"x": "$a.y"})
    with pytest.raises(NotAllowedError):
        bench.ref({"name": "a", "ref": bench.keep(dict)}, outputs={"x": "$a.y"})


def test_programs_of_programs_do_not_grow_for_ever() -> None:
    bench = Bench()
    made = bench.program(*(step(f"s{number}", "a -> b") for number in range(50)))
    large = [step(f"p{number}", made) for number in range(10)]
    assert "510 with those within" in str(problems_of(*large))

    for _ in range(15):
        made = bench.program(step("inner", made))
    assert (made.plan.size, made.plan.height) == (65, 16)
    assert "nest 17 programs" in str(problems_of(step("inner", made)))


def test_a_description_may_not_be_endless() -> None:
    with pytest.raises(BridgeError, match="longer than"):
        program(ASK, instructions="x" * 70_000)


def test_a_field_that_is_not_given_is_told_when_it_is_missed() -> None:
    made = program(step("echo", Echo(), inputs={"value": "$.x"}), outputs={"y": "$echo.valeu"})

    with pytest.raises(BridgeError) as caught:
        made(x=3)

    assert caught.value.hint == "Did you mean 'value'?"


@pytest.mark.parametrize("path", ["missing", "a.0", "list.x", "list.5", "a.__class__", "list.-1"])
def test_a_path_enters_data_only(path: str) -> None:
    with pytest.raises(BridgeError, match=r"leads to nothing|no source"):
        program(step("d", Echo(), inputs={"v": "$.text"}), outputs={"x": f"$d.v.{path}"})(
            text={"a": "b", "list": [1]}
        )


def test_a_path_enters_objects_of_pydantic_and_examples() -> None:
    class City(pydantic.BaseModel):
        name: str

    made = program(
        step("d", Echo(), inputs={"both": "$.x"}),
        outputs={"a": "$d.both.0.inner.deep", "b": "$d.both.1.gone.further", "c": "$d.both.2.name"},
    )

    sent = [dspy.Example(inner={"deep": 5}), {"gone": None}, City(name="Linz")]
    assert both(made, x=sent) == {"a": 5, "b": None, "c": "Linz"}


# --- refs, inputs that several steps want ---------------------------------------------------------


@pytest.mark.parametrize("ref", [{"a": 1}, ["x"], None, 3])
def test_a_ref_that_is_no_text_is_named(ref: Any) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        Bench().handler.create(Bench().session, steps=[{"name": "a", "ref": ref}])

    assert caught.value.details["problems"]["steps.a.ref"] == "is no ref, which is a text"


def test_a_module_that_does_nothing_is_no_step() -> None:
    found = problems_of(step("a", dspy.Module()))

    assert found["steps.a.ref"] == "is of the type 'Module', which does nothing"


def test_an_input_cannot_be_of_two_kinds() -> None:
    found = problems_of(step("a", "q: int -> x"), step("b", "q: list[str] -> z"))

    assert found == {
        "steps.b.inputs.q": "wants the input 'q' of the program, which is a number, where a list "
        "is wanted"
    }


@pytest.mark.parametrize("types", [("str", "int"), ("int", "str"), ("Any", "int"), ("int", "Any")])
def test_an_input_that_is_text_elsewhere_too_is_what_it_must_be(types: tuple[str, str]) -> None:
    made = program(step("a", f"q: {types[0]} -> x"), step("b", f"q: {types[1]} -> z"))

    assert made.signature.input_fields["q"].annotation is int


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "integer"}, "a number"),
        ({"type": "array", "items": {"type": "number"}, "minItems": 1}, "a list"),
    ],
)
def test_what_is_demanded_of_an_output_hides_its_kind_from_no_step(schema: Any, kind: str) -> None:
    signature = with_output(schema)

    found = problems_of(step("a", dspy.Predict(signature)), step("b", "value: dict -> z"))

    assert found == {"steps.b.inputs.value": f"is {kind}, where an object is wanted"}


def test_items_of_a_checked_list_have_their_kind() -> None:
    signature = with_output({"type": "array", "items": {"type": "number"}, "maxItems": 3})

    found = problems_of(
        step("a", dspy.Predict(signature)), step("b", "item: dict -> z", over="$a.value")
    )

    assert "is a number, where an object is wanted" in str(found)
