"""Draws that depend on names alone."""

from statistics import fmean, pstdev

from quotecache.legacy.chance import normal, uniform


def test_the_same_names_give_the_same_draw_and_others_another() -> None:
    assert uniform("delay", 1, "ABC", 1) == uniform("delay", 1, "ABC", 1)
    draws = {
        uniform(kind, seed, name, k) for kind in "ab" for seed in (1, 2) for name in "XY" for k in (1, 2)
    }
    assert len(draws) == 16


def test_uniform_is_evenly_distributed_and_never_an_end() -> None:
    draws = [uniform("u", n) for n in range(20_000)]
    assert all(0 < draw < 1 for draw in draws)
    tenths = [sum(1 for draw in draws if int(draw * 10) == tenth) for tenth in range(10)]
    assert all(1_850 < tenth < 2_150 for tenth in tenths)


def test_normal_has_mean_0_and_deviation_1() -> None:
    draws = [normal("n", n) for n in range(20_000)]
    assert abs(fmean(draws)) < 0.02
    assert abs(pstdev(draws) - 1) < 0.02
