"""What stands beside the effect: the untreated level with its own uncertainty, whom it is about, what is refused."""

import numpy as np
import pandas as pd
import pytest

import estimand as es
from tests.repeated import by_day_and_night

DESIGN = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": ["x"]}


def drawn(seed: int, rows: int = 500, clusters: int | None = None) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = 2.0 * rng.normal(size=rows)
    d = (rng.random(rows) < 1 / (1 + np.exp(-0.4 * x))).astype(int)
    y = 3.0 + x + d + rng.normal(size=rows)
    frame = pd.DataFrame({"d": d, "x": x, "y": y})
    if clusters is not None:
        frame["g"] = np.arange(rows) % clusters
        frame["y"] += rng.normal(size=clusters)[frame["g"]]
    return frame


@by_day_and_night(60, 150)
@pytest.mark.parametrize(
    ("key", "options", "clusters"),
    [
        ("difference", {}, 100),
        ("regression", {"interactions": False}, None),
        ("regression", {}, 100),
        ("ipw", {}, None),
        ("gcomputation", {}, None),
        ("balancing", {}, None),
        ("aipw", {"learner": "linear"}, None),
    ],
)
def test_the_untreated_level_is_as_uncertain_as_it_is_said_to_be(
    key: str, options: dict, clusters: int | None, repetitions: int
) -> None:
    design = {**DESIGN, "covariates": [] if key == "difference" else ["x"]}
    if clusters is not None:
        design["cluster"] = "g"
    levels, errors, cross = [], [], []
    for seed in range(repetitions):
        made = es.estimate(drawn(seed, clusters=clusters), design, key, **options)
        levels.append((made.baseline.value[0], made.value[0]))
        errors.append(made.baseline.vcov[0, 0])
        cross.append(made.baseline.cross[0, 0])
    level, value = np.array(levels).T
    spread = level.std(ddof=1)
    tolerance = 4.0 / np.sqrt(2 * repetitions)
    assert np.sqrt(np.mean(errors)) / spread == pytest.approx(1.0, abs=tolerance)
    correlation = np.mean(cross) / (spread * value.std(ddof=1))
    assert correlation == pytest.approx(np.corrcoef(level, value)[0, 1], abs=4.0 / np.sqrt(repetitions))


def test_with_the_sample_held_fixed_the_level_is_too() -> None:
    frame = drawn(3)
    free = es.estimate(frame, DESIGN, "aipw", learner="linear")
    held = es.estimate(frame, DESIGN, "aipw", learner="linear", population="sample")
    assert held.baseline.vcov[0, 0] < 0.5 * free.baseline.vcov[0, 0]


@pytest.mark.parametrize("key", ["regression", "ipw", "aipw", "dml", "balancing", "gcomputation"])
def test_the_population_of_an_effect_on_the_treated_counts_the_treated(key: str) -> None:
    frame = drawn(1)
    more = {"learner": "linear"} if key in {"aipw", "dml"} else {}
    made = es.estimate(frame, DESIGN, key, target="ATT", **more)
    assert made.population.n == int(frame["d"].sum())
    assert made.population.share == pytest.approx(frame["d"].mean())
    assert made.n_obs == 500


def test_trimming_looks_at_propensities_before_they_are_clipped() -> None:
    frame = drawn(2)
    alone = es.estimate(frame, DESIGN, "ipw", trim=0.25)
    both = es.estimate(frame, DESIGN, "ipw", trim=0.25, clip=0.25)
    assert both.population.n == alone.population.n < 500
    assert both.value[0] == alone.value[0]


def test_a_category_that_an_arm_never_shows_is_not_extrapolated() -> None:
    rng = np.random.default_rng(4)
    c = rng.choice(["p", "q", "r"], size=900)
    d = np.where(c == "r", 0, rng.integers(0, 2, 900))
    frame = pd.DataFrame({"d": d, "c": c, "y": 2.0 * d + 5.0 * (c == "r") + rng.normal(size=900)})
    design = {**DESIGN, "covariates": ["c"]}
    with pytest.raises(es.IdentificationError, match="Arm '1' has no row that shows what 'c = r' does"):
        es.estimate(frame, design, "regression")
    assert es.estimate(frame, design, "regression", target="ATT").value[0] == pytest.approx(2.0, abs=0.3)


def test_one_cluster_in_an_arm_is_refused() -> None:
    frame = drawn(5, clusters=10)
    frame["d"] = (frame["g"] == 3).astype(int)
    with pytest.raises(es.IdentificationError, match="All rows of arm '1' are in one cluster of 'g'"):
        es.estimate(frame, {**DESIGN, "cluster": "g"}, "difference")


@pytest.mark.parametrize(
    ("setting", "value"), [("level", 1.5), ("level", -1.0), ("seed", "x"), ("seed", -1), ("threads", 0)]
)
def test_settings_that_cannot_be_are_refused(setting: str, value: object) -> None:
    with pytest.raises(es.DesignError, match=f"'{setting}' is"):
        es.estimate(drawn(1), DESIGN, "difference", **{setting: value})
    with pytest.raises(es.DesignError, match="does not exist"):
        es.estimate(drawn(1), DESIGN, "difference").interval(1.5)


def test_an_association_never_leads_even_where_it_is_asked_for() -> None:
    record = es.run({"data": drawn(1), "design": DESIGN, "methods": ["difference", "regression"], "headline": None})
    assert record.headline == "regression"


def test_a_lead_that_failed_is_named_where_another_takes_its_place() -> None:
    frame = drawn(6)
    below = frame["x"] < frame["x"].median()
    frame["x"] = np.where((frame["d"] == 1) & ~below, frame["x"].abs() * 8.0 + 1.0, -frame["x"].abs() / 8.0)
    record = es.run(
        {
            "data": frame,
            "design": {**DESIGN, "covariates": ["x"]},
            "methods": [{"method": "balancing"}, {"method": "aipw", "learner": "boosting"}],
        }
    )
    assert record.headline == "aipw"
    passed = next(f for f in record.findings if f.check == "design.headline")
    assert (passed.grade, passed.subject) == (es.Grade.WARN, "balancing")
