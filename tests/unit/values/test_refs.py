from __future__ import annotations

import copy
import pickle

from snakepit_bridge.values.refs import Ref


def test_a_ref_is_the_text_it_consists_of() -> None:
    ref = Ref("r1", type_name="shop.Cart", session_id="s")

    assert ref == "r1"
    assert hash(ref) == hash("r1")
    assert ref == Ref("r1")
    assert f"{ref}" == str(ref) == "r1"
    assert repr(ref) == "Ref('r1')"


def test_what_else_is_known_of_the_object_travels_with_it() -> None:
    ref = Ref("r1", type_name="shop.Cart", session_id="s")

    assert (ref.type_name, ref.session_id) == ("shop.Cart", "s")
    assert (Ref("r1").type_name, Ref("r1").session_id) == ("", "")


def test_a_ref_reaches_another_process() -> None:
    ref = Ref("r1", type_name="shop.Cart", session_id="s")

    for again in (pickle.loads(pickle.dumps(ref)), copy.deepcopy(ref)):
        assert type(again) is Ref
        assert (again, again.type_name, again.session_id) == ("r1", "shop.Cart", "s")
