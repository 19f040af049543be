"""What each world says is true, against plain simulation and by hand."""

import numpy as np
import pandas as pd
import pytest

from estimand.core.question import Target
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.laboratory.repetition import drawn_case, stream
from estimand.laboratory.worlds.catalog import WORLDS
from estimand.laboratory.worlds.truth import Population, truth
from estimand.laboratory.worlds.world import OUTCOME, TREATMENT, World

AVERAGES = (Target.ATE, Target.ATT, Target.ATC, Target.ATO, Target.ASSOCIATION)
ARMS = [key for key, world in WORLDS.items() if isinstance(world, World)]
MEASURED = [key for key in ARMS if not WORLDS[key].for_checks]
ROWS = 400_000


def simulated(world: World) -> dict[Target, tuple[float, float]]:
    """Truths and their Monte-Carlo errors from units drawn one by one, potential outcomes and all."""
    rng = np.random.default_rng(20_261)
    x = rng.standard_normal((ROWS, world.covariates)) if world.covariates < 20 else _sparse(rng, world)
    arm = rng.random(ROWS) < world.propensity(x)
    untreated, treated = world.untreated(x), world.untreated(x) + world.effect(x)
    keep = np.ones(ROWS, dtype=bool)
    if world.observed is not None and world.declared().missing_outcome == "complete_case":
        keep = rng.random(ROWS) < np.where(arm, world.observed[1](x), world.observed[0](x))
    arm, untreated, treated = arm[keep], untreated[keep], treated[keep]
    effect = treated - untreated
    found = {
        Target.ATE: (effect.mean(), effect.std() / np.sqrt(len(effect))),
        Target.ATT: (effect[arm].mean(), effect[arm].std() / np.sqrt(arm.sum())),
        Target.ATC: (effect[~arm].mean(), effect[~arm].std() / np.sqrt((~arm).sum())),
        Target.ASSOCIATION: (
            treated[arm].mean() - untreated[~arm].mean(),
            np.hypot(treated[arm].std() / np.sqrt(arm.sum()), untreated[~arm].std() / np.sqrt((~arm).sum())),
        ),
    }
    if world.observed is None:
        e = world.propensity(x)
        w = e * (1.0 - e)
        mean = float(w @ effect / w.sum())
        found[Target.ATO] = (mean, float(np.sqrt(np.mean((w * (effect - mean)) ** 2) / ROWS) / w.mean()))
    return found


def _sparse(rng: np.random.Generator, world: World) -> np.ndarray:
    x = np.zeros((ROWS, world.covariates))
    x[:, :5] = rng.standard_normal((ROWS, 5))
    return x


@pytest.mark.parametrize("key", MEASURED)
def test_truth_by_quadrature_is_what_simulation_finds(key: str) -> None:
    for target, (mean, error) in simulated(WORLDS[key]).items():
        assert truth(WORLDS[key], target) == pytest.approx(mean, abs=max(4.0 * error, 1e-9)), target


@pytest.mark.parametrize("key", MEASURED)
def test_more_nodes_move_no_truth_in_the_sixth_digit(key: str) -> None:
    world = WORLDS[key]
    fine = Population.of(world, nodes=60 if world.deciding == 3 else 150 if world.deciding == 2 else 300)
    for target in AVERAGES:
        treated, control = fine.means(target)
        assert truth(world, target) == pytest.approx(treated - control, abs=2e-6)


def test_median_effect_is_that_of_simulated_outcomes() -> None:
    world = WORLDS["heterogeneous_effects"]
    rng = np.random.default_rng(5)
    x = rng.standard_normal((1_000_000, 4))
    noise = rng.standard_normal((2, 1_000_000))
    ends = [np.median(world.untreated(x) + a * world.effect(x) + noise[a]) for a in (0, 1)]
    # Spread 1.6 and density about 0.25 at the median: an error of 0.002 in each.
    assert truth(world, Target.QTE) == pytest.approx(ends[1] - ends[0], abs=4 * 0.003)
    assert truth(WORLDS["well_specified"], Target.QTE, quantile=0.9) == pytest.approx(0.3, abs=1e-9)


def test_ratios_are_of_the_means() -> None:
    world = WORLDS["rare_outcome"]
    treated, control = Population.of(world).means(Target.ATE)
    assert truth(world, Target.ATE, "ratio") == pytest.approx(treated / control)
    odds = treated / (1 - treated) / (control / (1 - control))
    assert truth(world, Target.ATE, "odds_ratio") == pytest.approx(odds)
    assert truth(world, Target.QTE) is None
    assert truth(world, Target.ATM) is None


def test_a_label_without_a_population_truth_has_none() -> None:
    assert truth(WORLDS["well_specified"], Target.LATE) is None


@pytest.mark.parametrize("key", ARMS)
def test_every_world_draws_a_table_that_its_design_reads(key: str) -> None:
    world = WORLDS[key]
    draw = world.draw(stream(0, world, 0))
    sample = build_sample(read_table(pd.DataFrame(draw.table), world.declared().columns()), world.declared())
    assert sample.rows_read == world.rows
    assert set(np.unique(draw.table[TREATMENT])) == {0, 1}
    assert draw.effect.shape == (world.rows,)
    assert np.isnan(draw.table[OUTCOME]).any() == (world.observed is not None)


@pytest.mark.parametrize("key", ["well_specified", "clustered", "missing_outcomes"])
def test_a_table_depends_on_seed_world_and_repetition_alone(key: str) -> None:
    world = WORLDS[key]
    same = [drawn_case(3, world, 7)[1].sample().fingerprint for _ in range(2)]
    others = [drawn_case(3, world, 8)[1].sample().fingerprint, drawn_case(4, world, 7)[1].sample().fingerprint]
    assert same[0] == same[1]
    assert same[0] not in others


def test_rows_of_a_cluster_are_alike_and_rows_of_others_are_not() -> None:
    world = WORLDS["clustered"]
    draws = [world.draw(np.random.default_rng(s)).table for s in range(60)]
    x = np.array([table["x1"].reshape(50, 14) for table in draws])
    within = np.mean(x[:, :, 0] * x[:, :, 1])
    across = np.mean(x[:, :-1, 0] * x[:, 1:, 0])
    assert within == pytest.approx(0.3, abs=4 / np.sqrt(3_000))
    assert across == pytest.approx(0.0, abs=4 / np.sqrt(3_000))


def test_the_mark_of_a_world_changes_with_it() -> None:
    plain, other = WORLDS["well_specified"], WORLDS["no_effect"]
    assert plain.mark(0) == plain.mark(0)
    assert len({plain.mark(0), plain.mark(1), other.mark(0)}) == 3


def test_a_world_that_repeats_rows_repeats_them_whole_and_no_other_does() -> None:
    held = {key: pd.DataFrame(world.draw(stream(0, world, 0)).table) for key, world in WORLDS.items()}
    alike = {key: int(frame.duplicated().sum()) for key, frame in held.items()}
    assert {key: count for key, count in alike.items() if count} == {"careless_records": 20}
    world = WORLDS["careless_records"]
    assert (held["careless_records"].tail(20).to_numpy() == held["careless_records"].head(20).to_numpy()).all()
    assert world.declared().roles.timestamp == "day"
    assert list(world.declared().covariates) == ["x1", "x2", "x3", "x4", "kind"]


def test_effects_differ_between_the_segments_that_a_world_names() -> None:
    draw, case = drawn_case(1, WORLDS["named_segments"], 0)
    assert [feature.level for feature in case.sample().roles["segments"].features] == ["above", "below"]
    above = np.asarray(draw.table["side"]) == "above"
    assert draw.effect[above].mean() > draw.effect[~above].mean() + 1.0
