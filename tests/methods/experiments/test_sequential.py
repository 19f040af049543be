"""Reading early: the three ways against their own equations, the path by day, and what is said of a look."""

import numpy as np
import pytest
from scipy.stats import norm

import estimand as es
from estimand.core.table import Table
from estimand.stats.group_sequential import passage, spending_limits
from estimand.stats.spending import obrien_fleming_spent, pocock_spent
from tests.methods.experiments.experiment_data import made, users
from tests.repeated import by_day_and_night

PLAN = {"units": 10_000, "looks": 5, "burn_in": 500}


def half(estimate: es.Estimate, level: float = 0.95) -> np.ndarray:
    low, high = estimate.interval(level).T
    return (high - low) / 2.0


def found(estimate: es.Estimate) -> dict[str, es.Finding]:
    return {finding.check: finding for finding in estimate.findings}


def test_confidence_sequence_is_that_of_its_paper() -> None:
    """Waudby-Smith and others (2024), theorem 2.2, with ρ from the planned units."""
    plain, read = made("difference", "plain"), made("sequential", "plain", fields={"planned": PLAN})
    n, alpha = 3_000.0, 0.05
    # ρ² that minimises the width at 10,000 units, found by search.
    grid = np.exp(np.linspace(-12.0, -4.0, 400_001))
    wide = np.log((10_000 * grid + 1.0) / alpha**2) * (10_000 * grid + 1.0) / (10_000 * grid)
    rho2 = grid[wide.argmin()]
    sigma = plain.std_error * np.sqrt(n)
    theirs = sigma * np.sqrt(2.0 * (n * rho2 + 1.0) / (n**2 * rho2) * np.log(np.sqrt(n * rho2 + 1.0) / alpha))
    assert read.value == pytest.approx(plain.value, rel=1e-12)
    assert half(read) == pytest.approx(theirs, rel=1e-6)
    assert read.details["std_error"] == pytest.approx(plain.std_error, rel=1e-12)
    assert (half(read) > half(plain)).all()


def test_msprt_is_that_of_its_paper() -> None:
    """Johari and others (2022), section 4: reject where the mixture likelihood ratio passes 1/α."""
    tau = 0.3
    read = made("sequential", "plain", kind="msprt", effect_sd=tau)
    v = np.square(read.details["std_error"])
    ratio = np.sqrt(v / (v + tau**2)) * np.exp(np.square(read.value) * tau**2 / (2.0 * v * (v + tau**2)))
    assert read.p_value == pytest.approx(np.minimum(1.0, 1.0 / ratio), rel=1e-9)
    edge = np.sqrt(2.0 * np.log(np.sqrt((v + tau**2) / v) / 0.05) * v * (v + tau**2) / tau**2)
    assert half(read) == pytest.approx(edge, rel=1e-9)


@pytest.mark.parametrize("kind", ["confidence_sequence", "msprt", "group_sequential"])
def test_history_sharpens_every_kind(kind: str) -> None:
    options = {"kind": kind, **({"effect_sd": 0.3} if kind == "msprt" else {})}
    sharp = made("sequential", "spend", fields={"planned": PLAN}, **options)
    blunt = made("sequential", "spend", fields={"planned": PLAN}, adjust=False, **options)
    assert sharp.value == pytest.approx(made("cuped", "spend").value, rel=1e-12)
    assert blunt.value == pytest.approx(made("difference", "spend").value, rel=1e-12)
    assert (half(sharp) < half(blunt)).all()


@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock", "lan_demets"])
def test_repeated_interval_spends_its_error(spending: str) -> None:
    read = made("sequential", "plain", users(6_000), {"planned": PLAN}, kind="group_sequential", spending=spending)
    shares = np.array([0.2, 0.4, 0.6])
    function = pocock_spent if spending == "pocock" else obrien_fleming_spent
    spent = obrien_fleming_spent(shares, 0.05) if spending == "lan_demets" else 2.0 * function(shares, 0.025)
    limit = half(read) / read.details["std_error"]
    assert limit == pytest.approx(limit[0], rel=1e-9)
    assert passage(np.append(spending_limits(shares, spent)[:2], limit[0]), shares).total == pytest.approx(
        spent[2], rel=1e-7
    )


@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock"])
def test_p_value_is_the_level_at_which_the_repeated_interval_meets_zero(spending: str) -> None:
    options = {"kind": "group_sequential", "spending": spending}
    read = made("sequential", "spend", users(6_000, lift=0.15), {"planned": PLAN}, **options)
    p = float(read.p_value[0])
    assert 0.001 < p < 0.9
    frame = users(6_000, lift=0.15)
    design = {"kind": "experiment", "variant": "variant", "control": "A", "planned": PLAN}
    metric = {"name": "spend", "column": "spend", "covariate": "before"}
    study = es.run(
        {"question": "?", "data": frame, "design": design | {"metrics": [metric]}, "level": 1.0 - p,
         "methods": [{"method": "sequential", **options}]}
    )  # fmt: skip
    nearest = np.abs(study.estimates[0].interval()[0]).min()
    assert nearest == pytest.approx(0.0, abs=1e-6 * study.estimates[0].details["std_error"][0])


def test_at_the_planned_end_what_is_left_is_spent_and_the_inference_after_stopping_is_given() -> None:
    read = made("sequential", "spend", users(9_900), {"planned": PLAN | {"sequential": "group_sequential"}})
    after = Table.from_dict(read.details["stopped"])
    assert list(after["term"]) == ["B", "C"]
    assert after["look"][0] == 5
    for j in range(2):
        assert after["low"][j] < after["median"][j] < after["high"][j]
        assert (after["p_value"][j] < 0.05) == (not after["low"][j] < 0.0 < after["high"][j])
    assert found(read) == {}


def test_one_look_alone_is_the_fixed_test() -> None:
    frame = users(4_000, lift=0.1)
    plan = {"units": 4_000, "looks": 1, "sequential": "group_sequential"}
    read = made("sequential", "plain", frame, {"planned": plan})
    z = read.value / read.details["std_error"]
    assert half(read) / read.details["std_error"] == pytest.approx(norm.ppf(0.975), rel=1e-8)
    assert read.p_value == pytest.approx(2.0 * norm.sf(np.abs(z)), rel=1e-6)
    after = Table.from_dict(read.details["stopped"])
    assert after["p_value"] == pytest.approx(read.p_value, rel=1e-6)
    assert after["median"] == pytest.approx(read.value, rel=1e-6)
    assert list(after["low"]) == pytest.approx(read.interval()[:, 0], rel=1e-6)
    assert list(after["high"]) == pytest.approx(read.interval()[:, 1], rel=1e-6)


def test_path_is_what_each_day_would_have_said() -> None:
    frame = users(4_000)
    fields = {"planned": PLAN, "day": "day", "strata": ["day"]}
    path = Table.from_dict(made("sequential", "spend", frame, fields).details["path"])
    days = [look for look, term in zip(path["look"], path["term"], strict=True) if term == "B"]
    assert days == [str(day) for day in range(2, 10)] + [""]
    p = [p for p, term in zip(path["p_value"], path["term"], strict=True) if term == "B"]
    assert (np.diff(p) <= 0.0).all()
    alone = made("sequential", "spend", frame[frame["day"] <= 6], {"planned": PLAN})
    row = next(row for row in path.rows() if row["look"] == "6" and row["term"] == "C")
    assert row["units"] == alone.n_obs
    assert (row["value"], row["low"], row["high"]) == pytest.approx((alone.value[1], *alone.interval()[1]), rel=1e-10)


def test_path_of_group_sequential_has_the_declared_looks() -> None:
    fields = {"planned": PLAN | {"sequential": "group_sequential"}, "day": "day", "strata": ["day"]}
    path = Table.from_dict(made("sequential", "plain", users(6_100), fields).details["path"])
    units = [units for units, term in zip(path["units"], path["term"], strict=True) if term == "B"]
    assert len(units) == 3
    assert units[0] >= 1_800
    assert units[1] >= 3_800
    assert units[2] == 6_100


def test_a_day_just_before_the_end_does_not_spend_what_is_left_for_it() -> None:
    frame = users(5_000)
    frame = frame.assign(day=np.where(np.arange(5_000) < 4_930, np.minimum(frame["day"], 9), 10))
    fields = {
        "planned": {"units": 5_000, "looks": 4, "sequential": "group_sequential"},
        "day": "day",
        "strata": ["day"],
    }
    read = made("sequential", "plain", frame, fields)
    path = Table.from_dict(read.details["path"])
    assert max(units for units in path["units"] if units < 5_000) < 4_500
    assert np.isfinite(read.interval()).all()
    assert len(Table.from_dict(read.details["stopped"])) == 2


def test_what_is_said_of_a_look() -> None:
    early = made("sequential", "plain", users(300), {"planned": PLAN})
    assert found(early)["sequential.burn_in"].grade == "veto"
    undeclared = found(made("sequential", "plain"))
    assert {"sequential.no_burn_in", "sequential.tuning"} <= set(undeclared)
    rare = users().assign(bought=lambda frame: (frame["bought"] == 1) & (frame["day"] == 1) & (frame["visits"] > 2))
    assert found(made("sequential", "bought", rare, {"planned": PLAN}))["sequential.few_events"].grade == "warn"
    assert "sequential.few_events" not in found(made("sequential", "bought", fields={"planned": PLAN}))
    off = found(made("sequential", "plain", fields={"planned": PLAN}, kind="group_sequential"))
    assert off["sequential.look"].grade == "warn"
    on = made("sequential", "plain", users(4_100), {"planned": PLAN}, kind="group_sequential")
    assert "sequential.look" not in found(on)
    over = made("sequential", "plain", users(6_000), {"planned": PLAN | {"units": 5_000}}, kind="group_sequential")
    assert found(over)["sequential.information"].grade == "warn"
    assert np.isfinite(over.interval()).all()


def test_what_is_not_said_beforehand_is_asked_for() -> None:
    with pytest.raises(es.DesignError, match="none are planned"):
        made("sequential", "plain", kind="group_sequential")
    with pytest.raises(es.DesignError, match="before looking"):
        made("sequential", "plain", kind="msprt")


def test_a_ratio_is_read_early_too() -> None:
    read = made("sequential", "rate", fields={"planned": PLAN})
    assert read.details["std_error"] == pytest.approx(made("difference", "rate").std_error, rel=1e-12)


def looked(kind: str, repetitions: int) -> np.ndarray:
    """Share of experiments without an effect that err at a look, by a kind's intervals and by fixed ones."""
    wrong = np.zeros(2)
    for seed in range(repetitions):
        frame = users(1_500, seed=seed, lift=0.0)
        fields = {"planned": {"units": 1_500, "looks": 5, "burn_in": 150}, "day": "day", "strata": ["day"]}
        path = Table.from_dict(made("sequential", "spend", frame, fields, kind=kind).details["path"])
        mine = np.array(path["term"], dtype=object) == "B"
        low, high, value, error = (np.array(path[name])[mine] for name in ("low", "high", "value", "std_error"))
        wrong += [((low > 0.0) | (high < 0.0)).any(), (np.abs(value / error) > 1.96).any()]
    return wrong / repetitions


@by_day_and_night(100, 300)
def test_daily_looks_at_no_effect_seldom_err(repetitions: int) -> None:
    """A sequence over ten days, against the same looks with a fixed interval."""
    sequence, peeked = looked("confidence_sequence", repetitions)
    reach = 4.0 * np.sqrt(0.05 * 0.95 / repetitions)
    assert sequence <= 0.05 + reach
    assert peeked > 0.05 + reach


@by_day_and_night(30, 300)
def test_planned_looks_at_no_effect_seldom_err(repetitions: int) -> None:
    group, _ = looked("group_sequential", repetitions)
    assert group <= 0.05 + 4.0 * np.sqrt(0.05 * 0.95 / repetitions)
