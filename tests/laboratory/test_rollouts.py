"""What simulated rollouts draw, and what is true in them, by hand and against plain simulation."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from estimand.core.case import Case
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.laboratory.cells import Setting, settings_of
from estimand.laboratory.repetition import drawn_case, estimated, stream, trials, true_value
from estimand.laboratory.worlds.catalog import WORLDS
from estimand.laboratory.worlds.panel import Drift, Rollout, Shocks, Wave
from estimand.laboratory.worlds.rollouts import ALONE, SIZES, TWO, of_clusters

ROLLOUTS = {key: world for key, world in WORLDS.items() if isinstance(world, Rollout)}
SMALL = Rollout("small", "Small.", (1,) * 12, (Wave(1, 0.5, 1.0, 0.5), Wave(2, 0.25, 3.0)), periods=4)


def drawn(world: Rollout, seed: int = 0) -> pd.DataFrame:
    draw = world.draw(np.random.default_rng(seed))
    return pd.DataFrame(draw.table).assign(effect=draw.effect)


def answer(case: Case, setting: Setting) -> object:
    ((_, estimate),) = estimated(case, [setting])
    return estimate


@pytest.mark.parametrize("key", ROLLOUTS)
def test_every_rollout_draws_a_table_that_its_design_reads(key: str) -> None:
    world = ROLLOUTS[key]
    draw = world.draw(stream(0, world, 0))
    sample = build_sample(read_table(pd.DataFrame(draw.table), world.declared().columns()), world.declared())
    assert sample.n == sample.rows_read == draw.effect.shape[0] <= world.rows
    assert (draw.effect[sample.arm == 0] == 0.0).all()
    assert (draw.effect[sample.arm == 1] != 0.0).all()
    starts = {wave.start for wave in world.waves}
    assert starts <= set(sample.timeline.cohort.tolist())
    if world.alter is None:
        never = {world.periods} if sum(wave.share for wave in world.waves) < 0.999 else set()
        assert set(sample.timeline.cohort.tolist()) == starts | never


@pytest.mark.parametrize("clusters", SIZES)
def test_clusters_are_as_many_as_said_unequal_and_treated_as_a_whole_by_their_shares(clusters: int) -> None:
    frame = drawn(WORLDS[f"staggered_{clusters}_clusters"])
    sizes = frame.groupby("state")["unit"].nunique()
    assert sizes.shape[0] == clusters
    assert sizes.max() >= 3 * sizes.min()
    first = frame[frame["treated"] == 1].groupby("state")["period"].min()
    counts = first.value_counts()
    assert abs(counts[2003] - clusters / 3) < 1.0
    assert abs(counts[2005] - clusters / 3) < 1.0


def test_effects_grow_and_differ_by_wave() -> None:
    frame = drawn(WORLDS["staggered"])
    first = frame["unit"].map(frame[frame["treated"] == 1].groupby("unit")["period"].min())
    found = frame[frame["treated"] == 1].groupby([first, "period"])["effect"].unique()
    assert {place: values.tolist() for place, values in found.items()} == {
        (2003, 2003): [0.8], (2003, 2004): [1.2000000000000002], (2003, 2005): [1.6], (2003, 2006): [2.0],
        (2005, 2005): [0.4], (2005, 2006): [0.5],
    }  # fmt: skip


def test_outcomes_of_a_wave_move_by_its_effect_and_its_shocks_last_as_said() -> None:
    world = Rollout("many", "", (4,) * 4_000, TWO, shocks=Shocks(0.4, 0.6, 1.0, 0.3))
    frame = drawn(world)
    wide = frame.pivot(index="unit", columns="period", values="outcome").to_numpy()
    ever = frame.groupby("unit")["treated"].sum().to_numpy()
    change = wide[:, 5] - wide[:, 0]
    gap = change[ever == 4].mean() - change[ever == 0].mean()
    # A change has variance 2(1 - 0.3^5) + 2·0.16(1 - 0.6^5); a third of 4,000 clusters of four in each wave.
    own, shared = 2.0 * (1.0 - 0.3**5), 2.0 * 0.16 * (1.0 - 0.6**5)
    error = np.sqrt((own / 4 + shared) * 2 / (4_000 / 3))
    assert gap == pytest.approx(2.0, abs=4 * error)
    steps = np.diff(wide[ever == 0] - wide[ever == 0].mean(axis=0), axis=1)
    by_state = steps.reshape(-1, 4, 5)
    across = np.mean([by_state[:, i] * by_state[:, j] for i in range(4) for j in range(i)])
    # Products of two steps spread by about 1.7, and there are 40,000 and 21,000 that hardly depend on each other.
    assert across == pytest.approx(2 * 0.16 * (1.0 - 0.6), abs=4 * 1.7 / np.sqrt(40_000))
    lag = 2 * (0.3 + 0.16 * 0.6) - 1.16 - (0.09 + 0.16 * 0.36)
    assert np.mean(steps[:, 1:] * steps[:, :-1]) == pytest.approx(lag, abs=4 * 1.7 / np.sqrt(21_000))


def test_who_adopts_and_how_it_drifts_follow_the_covariate() -> None:
    world = replace(WORLDS["drifting_effects"], sizes=ALONE * 40, drift=Drift(0.7, 0.3, 0.5))
    frame = drawn(world)
    unit = frame.groupby("unit").agg(x=("x1", "first"), ever=("treated", "max"))
    centre = world.centres()
    for wave, ever in ((0, 1), (1, 0)):
        own = unit.loc[unit["ever"] == ever, "x"]
        assert own.mean() == pytest.approx(centre[wave], abs=4 * own.std() / np.sqrt(len(own)))
    assert frame.loc[(frame["period"] == 2004) & (frame["treated"] == 1), "effect"].to_numpy() == pytest.approx(
        0.5 + 0.5 * centre[0]
    )
    wide = frame.pivot(index="unit", columns="period", values="outcome")
    never = unit["ever"] == 0
    slope = np.polyfit(unit.loc[never, "x"], (wide[2006] - wide[2001])[never], 1)[0]
    assert slope == pytest.approx(5 * 0.3, abs=4 * np.sqrt(2.0 / never.sum()))


def test_people_of_cross_sections_are_others_in_each_period() -> None:
    frame = drawn(replace(WORLDS["cross_sections"], sizes=(1,) * 6_000))
    assert "unit" not in frame
    rows = frame["outcome"].to_numpy().reshape(-1, 6)
    never = (frame["first_treated"] == 0).to_numpy().reshape(-1, 6)[:, 0]
    assert np.corrcoef(rows[never].T)[0, 1:] == pytest.approx(0.0, abs=4 / np.sqrt(never.sum()))


def test_truth_of_treated_rows_and_of_each_average_by_hand() -> None:
    # Six units of four periods begin in the second period with 1, 1.5, 2; three in the third with 3, 3.
    case = drawn_case_of(SMALL)
    told = {}
    for aggregate in ("simple", "group", "event", "calendar"):
        setting = Setting("cs", "staggered_did", {"aggregate": aggregate})
        told[aggregate] = true_value(SMALL, case[0], case[1], answer(case[1], setting))
    assert told == pytest.approx(
        {
            "simple": (6 * 4.5 + 3 * 6.0) / 24,
            "group": (6 * 1.5 + 3 * 3.0) / 9,
            "event": ((6 * 1.0 + 3 * 3.0) / 9 + (6 * 1.5 + 3 * 3.0) / 9 + 2.0) / 3,
            "calendar": (1.0 + (6 * 1.5 + 3 * 3.0) / 9 + (6 * 2.0 + 3 * 3.0) / 9) / 3,
        }
    )


def drawn_case_of(world: Rollout) -> tuple:
    return drawn_case(0, world, 0)


@pytest.mark.parametrize("key", ["staggered", "drifting_staggered", "unbalanced_rollout", "cross_sections"])
def test_truth_of_a_variance_weighted_answer_is_its_value_where_nothing_else_moves(key: str) -> None:
    """Given outcomes that are the effects alone, the regression returns what it weighs them to."""
    world = WORLDS[key]
    draw, case = drawn_case(0, world, 0)
    sample = case.sample()
    alone = replace(sample, outcomes={"outcome": draw.effect[sample.index]})
    estimate = answer(replace(case, source=alone), Setting("did", "did"))
    assert estimate.target == "VARIANCE_WEIGHTED"
    assert true_value(world, draw, case, estimate) == pytest.approx(float(estimate.value[0]), abs=1e-9)
    assert not np.isclose(estimate.value[0], draw.effect[draw.effect > 0].mean(), rtol=0.1)


def test_methods_for_panels_run_and_are_near_the_truth() -> None:
    world = WORLDS["one_cohort"]
    found = dict(zip([s.key for s in settings_of(world)], trials(0, world, 0, settings_of(world)), strict=True))
    assert {"did", "event_study", "staggered_did", "imputation_did"} <= set(found)
    for key, trial in found.items():
        assert trial.code == "", key
        assert trial.truth == pytest.approx(0.75)
        assert trial.value == pytest.approx(0.75, abs=4 * trial.std_error), key


def test_sizes_of_clusters_repeat() -> None:
    assert of_clusters(10) == (3, 4, 5, 6, 8, 10, 3, 4, 5, 6)
