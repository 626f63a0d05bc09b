from __future__ import annotations

from typing import Any, cast

import dspy
import pytest

from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.dspy.offline import offline_lm
from snakepit_bridge.handlers.dspy.tools.making import MOST_TOOLS, Tools
from snakepit_bridge.handlers.tool_handler import ToolHandler
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.host import HostTool
from snakepit_bridge.values.tag_objects import HostFunction
from tests.unit.handlers.dspy.hosting import DOOR, Scene

EM = "dspy.evaluate.answer_exact_match"


def search(query: str, limit: int = 3) -> list[str]:
    """Search the shop."""
    return [f"{query} {number}" for number in range(limit)]


def price(item: str) -> float:
    """What it costs."""
    return float(len(item))


def scene() -> Scene:
    made = Scene()
    made.offer(search)
    made.offer(price)
    return made


def test_description_and_arguments_come_from_the_host() -> None:
    (tool,) = scene().made("search")

    assert (tool.name, tool.desc) == ("search", "Search the shop.")
    assert tool.args == {
        "query": {"type": "string"},
        "limit": {"type": "integer", "default": 3},
    }


def test_what_the_spec_says_goes_before_what_the_host_says() -> None:
    (tool,) = scene().made(
        {
            "tool": "search",
            "name": "find",
            "description": "Find it.",
            "parameters": {"properties": {"query": {"type": "string"}}, "required": ["query"]},
        }
    )

    assert (tool.name, tool.desc, list(tool.args)) == ("find", "Find it.", ["query"])


def test_a_tool_without_a_description_gets_one() -> None:
    made = scene()
    made.offer(lambda: None, "quiet")

    (tool,) = made.made("quiet")

    assert tool.desc == "Calls quiet."


def test_tools_are_made_in_the_order_of_their_specs() -> None:
    def local(text: str) -> str:
        """Say it."""
        return text

    own = dspy.Tool(local, name="own")

    made = scene().made("price", local, own, EM, {"tool": "search"})

    names = ["price", "local", "own", "answer_exact_match", "search"]
    assert [each.name for each in made] == names
    assert made[2] is own
    assert all(isinstance(each, dspy.Tool) for each in made)


@pytest.mark.parametrize("kind", ["ReAct", "ReActV2"])
def test_agents_call_them(kind: str) -> None:
    made = scene()
    calls = {"tool_calls": [{"name": "search", "args": {"query": "cup", "limit": 1}}]}
    submit = {"tool_calls": [{"name": "submit", "args": {"answer": "cup 0"}}]}
    steps: list[Any] = [
        {"next_tool_name": "search", "next_tool_args": {"query": "cup", "limit": 1}},
        {"next_tool_name": "finish", "next_tool_args": {}},
        {"reasoning": "r", "answer": "cup 0"},
    ]
    answers = [{"tool_calls": calls}, {"tool_calls": submit}] if kind == "ReActV2" else steps
    agent = getattr(dspy, kind)("question -> answer", tools=made.made("search", "price"))

    with made.run(lm=offline_lm(answers)):
        prediction = agent(question="?")

    assert prediction.answer == "cup 0"
    told = str(prediction.get("trajectory") or prediction.get("history"))
    assert '["cup 0"]' in told


def test_every_wrong_spec_is_named_by_its_place() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        scene().made("serch", "price", {"tool": "search", "on_error": "x"}, 7, "os.system", "price")

    error = caught.value
    for part in ("[0] the host has no tool 'serch'", "[2] wrong 'on_error'", "[3] a tool is"):
        assert part in error.message
    for part in ("[4] 'os.system'", "[5] a second tool has the name 'price'"):
        assert part in error.message
    assert "Did you mean 'search'?" in error.hint
    assert error.details["argument"] == "tools"


@pytest.mark.parametrize("name", ["shop.prize", "dspy.serch"])
def test_a_misspelt_name_with_dots_gets_the_nearest_of_the_host(name: str) -> None:
    made = scene()
    made.offer(lambda: None, "shop.price")
    made.offer(lambda: None, "dspy.search")

    with pytest.raises(InvalidArgumentError, match=f"the host has no tool '{name}'") as caught:
        made.made(name)

    assert caught.value.hint.startswith("Did you mean ")


def test_an_unknown_tool_like_no_other_gets_the_list() -> None:
    made = scene()
    for number in range(10):
        made.offer(lambda: None, f"other_{number}")

    with pytest.raises(InvalidArgumentError) as caught:
        made.made("zzz")

    assert caught.value.hint.startswith("It has: other_0, ")
    assert caught.value.hint.endswith(", ....")
    with pytest.raises(InvalidArgumentError) as caught:
        scene().made("zzz")
    assert caught.value.hint == "It has: price, search."


def test_a_host_that_lists_nothing_is_trusted() -> None:
    made = Scene()

    tools = made.made("search", "shop.search", {"tool": "other.thing"})

    assert [each.name for each in tools] == ["search", "shop_search", "other_thing"]
    with made.run():
        assert "has no tool 'shop.search'" in tools[1]()


def test_a_spec_with_parameters_of_its_own_is_trusted() -> None:
    (tool,) = scene().made({"tool": "unlisted", "parameters": {"type": "object"}})

    assert tool.args == {}


def test_a_callback_needs_no_listing_and_as_many_parameters_as_it_takes() -> None:
    one = HostFunction(tool="snakebridge.callback", callback_id="cb_1", arity=1)
    none = HostFunction(tool="snakebridge.callback", callback_id="cb_2", arity=0)
    schema = {"properties": {"text": {"type": "string"}}}

    made = scene().made({"tool": one, "parameters": schema, "description": "Say."}, none)

    assert [(each.name, each.desc) for each in made] == [("cb_1", "Say."), ("cb_2", "Calls cb_2.")]
    with pytest.raises(InvalidArgumentError, match="takes 1 arguments, and 'parameters'"):
        scene().made(one)


def test_a_dotted_name_of_the_host_goes_before_a_python_function() -> None:
    made = scene()
    made.offer(lambda: "host", EM)

    (tool,) = made.made(EM)

    with made.run():
        assert tool() == "host"


@pytest.mark.parametrize(
    ("spec", "kind", "why"),
    [
        ("dspy.evaluate.EMM", InvalidArgumentError, "EMM"),
        ("dspy.Predict", InvalidArgumentError, "'Predict' is a class"),
        (dspy.Predict, InvalidArgumentError, "'Predict' is a class"),
        (dspy.Predict("q -> a"), NotAllowedError, "'Predict' cannot be a tool"),
        (dspy.Tool(dspy.Predict("q -> a"), name="p"), NotAllowedError, "cannot be a tool"),
        ("dspy.make_signature", NotAllowedError, "'make_signature' cannot be a tool"),
        ("subprocess.run", NotAllowedError, "'subprocess"),
        (lambda: None, InvalidArgumentError, "'<lambda>'"),
        (dspy.Tool(search, name="finish"), InvalidArgumentError, "reserved"),
        (dspy.Tool(search, name="submit"), InvalidArgumentError, "reserved"),
        (search, None, ""),
    ],
)
def test_what_must_not_or_cannot_be_a_tool_is_refused(spec: Any, kind: Any, why: str) -> None:
    if kind is None:
        assert scene().made(spec)[0].name == "search"
        return
    with pytest.raises(kind) as caught:
        scene().made(spec)

    assert type(caught.value) is kind
    assert why in caught.value.message


def test_what_a_name_leads_to_has_to_be_callable() -> None:
    made = scene()
    tools = Tools(DOOR, lambda _: 7, ToolHandler().offered)

    with pytest.raises(InvalidArgumentError, match="no function"):
        tools.made(["dspy.thing"], made.session)


def test_too_many_tools_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="129"):
        scene().made(*["search"] * (MOST_TOOLS + 1))


def test_nothing_is_asked_of_the_host_where_nothing_has_to_be() -> None:
    asked: list[Session] = []
    made = scene()

    def listed(session: Session) -> list[HostTool]:
        asked.append(session)
        return ToolHandler().offered(session)

    tools = Tools(DOOR, AllowList(importer=DOOR.import_module).find, listed)

    assert len(tools.made([search], made.session)) == 1
    assert asked == []
    tools.made(["search", "price", EM], made.session)
    assert asked == [made.session]


def test_a_host_that_answers_nonsense_offers_nothing() -> None:
    class Odd:
        def list_tools(self, session_id: str) -> Any:
            return "everything" if session_id == "one" else [7]

    session = scene().session
    session.bridge_client = cast("Any", Odd())

    assert ToolHandler().offered(session) == []
    session.id = "two"
    assert ToolHandler().offered(session) == []
