"""What a report says of ratios, risk differences, numbers needed to treat and quantiles."""

import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.report.memo import memo
from estimand.report.rows import estimate_tables
from estimand.report.sizes import effect_sizes
from estimand.report.words import answer_sentence

PLAN = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": ["x"]}
RATIO = {"method": "ipw", "id": "rr", "contrast": "ratio"}


def frame(effect: float, rows: int = 1500) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    x = rng.normal(size=rows)
    d = (rng.random(rows) < 1.0 / (1.0 + np.exp(-0.4 * x))).astype(int)
    return pd.DataFrame({"x": x, "d": d, "y": (rng.random(rows) < 0.4 + 0.05 * np.tanh(x) + effect * d).astype(int)})


def record(effect: float, *methods: object, **more: object) -> es.StudyRecord:
    return es.Study(data=frame(effect), design=PLAN, methods=list(methods), **more).run()


@pytest.mark.parametrize(("effect", "verb"), [(0.2, "raised"), (-0.2, "lowered")])
def test_a_ratio_is_told_against_one(effect: float, verb: str) -> None:
    made = record(effect, RATIO)
    value = made.estimate("rr").value[0]
    sentence = answer_sentence(made)
    assert f"{verb} y: a risk ratio of about {value:.{2 if value >= 1 else 3}f}" in sentence
    assert "change" not in sentence


def test_a_ratio_that_may_be_one_leaves_the_direction_open() -> None:
    sentence = answer_sentence(record(0.0, {**RATIO, "contrast": "odds_ratio"}))
    assert "an odds ratio of about" in sentence
    assert "but the ratio could be anything from" in sentence


def test_sizes_of_a_ratio() -> None:
    made = record(0.2, RATIO, "difference")
    ratio, relative, naive = effect_sizes(made)
    value, (low, high) = made.estimate("rr").value[0], made.estimate("rr").interval()[0]
    assert ratio.label == "Risk ratio"
    assert ratio.value == f"{value:.2f}"
    assert relative.value == f"+{100 * (value - 1):.1f}%"
    assert f"{100 * (low - 1):.1f} to {100 * (high - 1):.1f}%" in relative.interval
    assert naive.label == "Unadjusted difference"


def test_sizes_of_a_risk_difference_hold_the_number_needed() -> None:
    made = record(0.2, "ipw")
    sizes = {size.label: size for size in effect_sizes(made)}
    assert "Absolute effect (risk difference)" in sizes
    needed = sizes["Number needed to treat"]
    low, high = made.estimate("ipw").interval()[0]
    assert needed.value == f"{1 / made.estimate('ipw').value[0]:.2f}"
    assert needed.interval == f"95% interval {1 / high:.2f} to {1 / low:.2f} for one more"
    assert "Number needed to treat" in memo(made)


def test_a_number_needed_that_may_be_endless_is_told_in_two_pieces() -> None:
    sizes = {size.label: size for size in effect_sizes(record(0.0, "ipw"))}
    assert " or above for one fewer, or " in sizes["Number needed to treat"].interval
    assert sizes["Number needed to treat"].interval.endswith(" or above for one more")


def test_each_kind_of_contrast_has_its_table() -> None:
    made = record(0.2, "ipw", RATIO, {**RATIO, "id": "or", "contrast": "odds_ratio"}, "difference")
    tables = estimate_tables(made)
    assert [(t.what, len(t.rows)) for t in tables] == [("Effect on", 2), ("Risk ratio of", 1), ("Odds ratio of", 1)]


def test_checks_of_ratios_speak_of_ratios() -> None:
    made = record(0.2, RATIO, {**RATIO, "id": "same", "contrast": "ratio", "target": "ATE", "trim": 0.01}, "ipw")
    (value,) = (f for f in made.findings if f.check == "stress.e_value" and f.about == "rr")
    ratio = made.estimate("rr").value[0]
    assert value.statistic == pytest.approx(ratio + np.sqrt(ratio * (ratio - 1.0)))
    assert "a risk ratio of" in value.message
    (placebo,) = (f for f in made.findings if f.check == "stress.placebo_treatment" and f.about == "rr")
    assert abs(placebo.statistic) < 4.0
    assert "from no effect" in placebo.message
    about = [f.subject for f in made.findings if f.check == "comparison.disagreement" and f.about == "ipw"]
    assert about == []


def test_a_quantile_is_named_in_the_answer() -> None:
    rows = frame(0.0).assign(y=lambda t: 2.0 * t["d"] + np.random.default_rng(0).normal(size=len(t)))
    study = es.Study(
        data=rows, design=PLAN, methods=[{"method": "quantile_effects", "quantiles": [0.5, 0.9]}], target="QTE"
    )
    assert "at the median of its distribution" in answer_sentence(study.run())
