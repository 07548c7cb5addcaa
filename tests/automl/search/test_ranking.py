from automl.search.ranking import Ranking
from automl.types import TrialId


def ranked(**qualities: float) -> Ranking:
    ranking = Ranking()
    for turn, (name, quality) in enumerate(qualities.items()):
        ranking.put(TrialId(name), quality, turn)
    return ranking


def test_the_best_come_first_and_the_earlier_among_equals() -> None:
    ranking = ranked(a=1.0, b=3.0, c=2.0, d=3.0)
    assert (list(ranking), ranking.first(2), len(ranking)) == (["b", "d", "c", "a"], ["b", "d"], 4)


def test_a_trial_has_one_place_however_often_it_is_put() -> None:
    ranking = ranked(a=1.0, b=2.0)
    ranking.put(TrialId("a"), 5.0, 0)
    assert list(ranking) == ["a", "b"]


def test_who_left_is_forgotten_and_leaving_twice_does_no_harm() -> None:
    ranking = ranked(a=1.0, b=2.0)
    ranking.discard(TrialId("b"))
    ranking.discard(TrialId("b"))
    assert (list(ranking), TrialId("b") in ranking, len(ranking)) == (["a"], False, 1)
