"""What is asked of rows, and by which rules: never one that saw them, and the same whatever the order and threads."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from effect_cases import LINES, TREES, asked, case_of, line_effect, step_effect, table

from estimand.checks.heterogeneity.held_out import FOLDS, MOST_ROWS, Stacked, among, by_halves, in_turn
from estimand.checks.heterogeneity.scores import effect_scores
from estimand.checks.heterogeneity.usable import UsableHeterogeneity
from estimand.core.run import Run

FOREST = {"method": "causal_forest", "trees": 60, "learner": TREES}


def test_parts_are_folds_after_the_first_and_no_row_is_asked_twice() -> None:
    case, (estimate,) = case_of(table(line_effect))
    ((*parts,),) = in_turn(case, estimate)
    rows = np.concatenate([part.rows for part in parts])
    assert len(parts) == FOLDS - 1
    assert np.unique(rows).shape == rows.shape
    assert rows.shape[0] == pytest.approx(600 * (FOLDS - 1) / FOLDS, abs=5)
    held = Stacked.of(tuple(parts))
    assert held.scores == pytest.approx(effect_scores(case, estimate)[rows, 0])


def test_a_rule_does_not_move_with_the_outcomes_it_is_asked_about() -> None:
    """Outcomes of the last fold are made absurd: what was learned from the others stays as it was."""
    frame = table(line_effect)
    case, (estimate,) = case_of(frame)
    ((*_, last),) = in_turn(case, estimate)
    spoiled = frame.copy()
    spoiled.loc[last.rows, "y"] += 1e3
    again, (other,) = case_of(spoiled)
    ((*_, same),) = in_turn(again, other)
    assert same.rows.tolist() == last.rows.tolist()
    assert same.predicted == pytest.approx(last.predicted, abs=1e-9)
    (halves,) = by_halves(case, estimate, 3)
    spoiled = frame.copy()
    spoiled.loc[halves[1].rows, "y"] -= 1e3
    again, (other,) = case_of(spoiled)
    (moved,) = by_halves(again, other, 3)
    assert moved[1].predicted == pytest.approx(halves[1].predicted, abs=1e-9)
    assert abs(moved[0].predicted - halves[0].predicted).max() > 1.0


def test_clusters_are_asked_about_whole() -> None:
    frame = table(line_effect, 800).assign(g=np.arange(800) // 4)
    case, (estimate,) = case_of(frame, cluster="g")
    (parts,) = in_turn(case, estimate)
    (halves,) = by_halves(case, estimate, 1)
    for part in (*parts, *halves):
        assert set(np.bincount(part.units)) <= {0, 4}


@pytest.mark.parametrize(
    "method", [LINES, FOREST, {"method": "dr_learner", "learner": TREES}], ids=lambda m: m["method"]
)
def test_the_answer_asks_neither_for_the_order_of_rows_nor_for_threads(method: dict[str, object]) -> None:
    frame = table(step_effect, 400).assign(id=np.arange(400))
    turned = frame.sample(frac=1.0, random_state=3).reset_index(drop=True)
    made = []
    for rows, threads in ((frame, 1), (turned, 1), (frame, 2)):
        case, estimates = case_of(rows, method, unit="id")
        case = replace(case, run=Run(case.run.seed, threads))
        made.append(asked(UsableHeterogeneity(), case, estimates))
    first, shuffled, threaded = made
    assert first.to_dict() == threaded.to_dict()
    assert first.statistic is not None
    assert shuffled.statistic == pytest.approx(first.statistic, rel=1e-6)


def test_a_quick_run_takes_some_rows_and_says_so_and_a_full_one_takes_all() -> None:
    frame = table(line_effect, MOST_ROWS + 2_000)
    case, (estimate,) = case_of(frame)
    (parts,) = in_turn(case, estimate)
    assert sum(part.rows.shape[0] for part in parts) <= MOST_ROWS
    assert "drawn by lot" in among(case)
    full = replace(case, stress="full")
    (every,) = in_turn(full, estimate)
    assert sum(part.rows.shape[0] for part in every) == pytest.approx(0.8 * frame.shape[0], abs=5)
    assert among(full) == ""


def test_weights_are_those_of_the_design() -> None:
    frame = table(line_effect).assign(w=np.where(np.arange(600) % 2, 3.0, 1.0))
    case, (estimate,) = case_of(frame, weights={"column": "w", "kind": "sampling"})
    (parts,) = in_turn(case, estimate)
    held = pd.Series(frame["w"].to_numpy() / frame["w"].mean())
    assert parts[0].weights == pytest.approx(held[parts[0].rows].to_numpy())
