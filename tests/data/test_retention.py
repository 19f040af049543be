"""The retention offer: effects that turn on tenure and plan alone, and a plain difference that is half of them."""

import numpy as np
import pandas as pd
import pytest

from estimand.data import datasets, retention

TRUTH = dict(datasets.describe("retention").truth or {})


def own_effects(frame: pd.DataFrame) -> np.ndarray:
    plan = frame["plan"].map({name: k for k, name in enumerate(retention.PLANS)}).to_numpy()
    return retention.effects(frame["tenure_months"].to_numpy(), plan)


def test_it_has_a_row_for_every_subscriber() -> None:
    frame = datasets.load("retention")
    assert frame.shape == (8_000, 9)
    assert frame["subscriber"].is_unique
    assert set(frame["plan"]) == {"basic", "plus", "pro"}
    assert frame["tenure_months"].between(1, 48).all()
    assert set(frame["offer"]) == set(frame["renewed"]) == {0, 1}
    assert not frame.isna().any().any()


def test_new_subscribers_gain_and_old_ones_of_plan_pro_lose() -> None:
    tenure, plan = np.array([1, 24, 48, 1, 48]), np.array([0, 0, 1, 2, 2])
    np.testing.assert_allclose(retention.effects(tenure, plan), [0.2325, 0.06, 0.02, 0.1025, -0.07], atol=1e-12)


def test_the_stated_truths_are_the_population_s() -> None:
    frame = datasets.generate("retention", rows=400_000, seed=1)
    effect, offered = own_effects(frame), frame["offer"].to_numpy() == 1
    assert frame.attrs["truth"]["sample_ate"] == pytest.approx(effect.mean(), abs=1e-12)
    assert effect.mean() == pytest.approx(TRUTH["ate"], abs=0.0006)
    assert effect[offered].mean() == pytest.approx(TRUTH["att"], abs=0.0008)
    assert (effect < 0).mean() == pytest.approx(TRUTH["share_harmed"], abs=0.003)
    assert np.sort(effect)[-80_000:].mean() == pytest.approx(TRUTH["ate_first_fifth"], abs=0.001)
    for plan in retention.PLANS:
        assert effect[frame["plan"] == plan].mean() == pytest.approx(TRUTH[f"ate_{plan}"], abs=0.001)


def test_what_the_offer_does_is_the_difference_among_those_alike_and_half_of_it_in_the_plain_one() -> None:
    frame = datasets.generate("retention", rows=400_000, seed=2)
    means = frame.groupby("offer")["renewed"].mean()
    assert means[1] - means[0] == pytest.approx(TRUTH["ate"] / 2, abs=0.008)
    hours, tenure = (pd.cut(frame[name], 12) for name in ("weekly_hours", "tenure_months"))
    bins = [hours, tenure, frame["tickets"].clip(upper=4), "plan"]
    cells = frame.groupby([*bins, "offer"], observed=True)["renewed"].agg(["mean", "size"]).unstack("offer").dropna()
    difference = cells["mean"][1] - cells["mean"][0]
    weight = cells["size"].sum(axis=1)
    assert float((difference * weight).sum() / weight.sum()) == pytest.approx(TRUTH["ate"], abs=0.006)


@pytest.mark.parametrize("rows", [50, 1_003])
def test_the_same_seed_gives_the_same_rows(rows: int) -> None:
    frame = datasets.generate("retention", rows=rows, seed=0)
    assert len(frame) == rows
    pd.testing.assert_frame_equal(frame, datasets.generate("retention", rows=rows, seed=0))


def test_no_probability_leaves_its_bounds() -> None:
    ends = np.array(np.meshgrid([-1, 1], [-1, 1], [-1.5, 4.5], indexing="ij")).reshape(3, -1)
    use, tenure, trouble = ends
    offer = 0.45 - 0.15 * use - 0.08 * tenure + 0.04 * trouble
    renewal = 0.56 + 0.12 * use + 0.08 * tenure - 0.03 * trouble
    assert 0.05 < offer.min() < offer.max() < 0.95
    assert renewal.min() - 0.04 - 0.07 > 0.05
    # the largest effect is of the newest, whose tenure takes from the chance
    assert 0.56 + 0.12 - 0.08 + 0.045 + 0.2325 < 0.95
    assert renewal.max() + 0.06 + 0.02 < 1.0
