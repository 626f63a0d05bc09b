from __future__ import annotations

from snakepit_bridge.adapters.showcase.dice import dice


def test_the_same_seed_gives_the_same_numbers() -> None:
    assert dice("iris", [1.5]).random() == dice("iris", [1.5]).random()


def test_another_seed_gives_other_numbers() -> None:
    assert dice("iris").random() != dice("rose").random()


def test_numbers_stay_the_same_from_version_to_version() -> None:
    assert round(dice("iris").random(), 6) == 0.021614
