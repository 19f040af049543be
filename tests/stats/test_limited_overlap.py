"""Bounds that pool a few rows of a cell: a published vignette, all subsets, all assignments, the jackknife itself."""

from itertools import combinations, product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_data import matches, reference, table

from estimand.stats.limited_overlap import Pooling, pooled_bounds, pooling_weight
from estimand.stats.set_intervals import crossing_interval, crossing_middle, end_std_error
from estimand.stats.worst_case import worst_case


def monitoring() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    data = table("efm")
    _, cell = np.unique(data[["arrest", "breech", "nullipar", "year"]].to_numpy(), axis=0, return_inverse=True)
    return data["cesarean"].to_numpy(float), data["monitor"].to_numpy() == 1, cell.reshape(-1)


def test_electronic_monitoring_by_lee_and_weidner() -> None:
    """The R package counts one control where a cell has none, with a mean of zero; such a cell is put back here."""
    entry = reference("efm.atebounds")
    y, d, cell = monitoring()
    rows = np.bincount(cell).astype(float)
    share = np.full(rows.shape[0], d.mean())
    low, high, cells = pooled_bounds(y, d, cell, share, Pooling(3, (0.0, 1.0)))
    assert high.value == pytest.approx(entry["extra"]["est_ub"], rel=1e-10)
    alone = np.bincount(cell[~d], minlength=rows.shape[0]) == 0
    assert alone.sum() == 3
    assert (np.bincount(cell[d], minlength=rows.shape[0]) > 0).all()
    counted = np.where(alone, pooling_weight(rows, np.ones_like(rows), 1.0 - share, 3), 0.0)
    theirs = cells.low + counted
    matches("efm.atebounds", value=float(rows @ theirs / y.shape[0]))
    assert low.value == pytest.approx(float(rows @ theirs / y.shape[0]) - float(rows @ counted / y.shape[0]))
    parts = [rows.shape[0] * rows / y.shape[0] * ends for ends in (theirs, cells.high)]
    errors = tuple(float(part.std(ddof=1) / np.sqrt(rows.shape[0])) for part in parts)
    assert crossing_interval((parts[0].mean(), parts[1].mean()), errors, 0.95) == pytest.approx(entry["ci"], rel=1e-4)


def test_one_row_pooled_is_the_worst_case() -> None:
    y, d, cell = monitoring()
    low, high, _ = pooled_bounds(y, d, cell, np.full(cell.max() + 1, 0.3), Pooling(1, (0.0, 1.0)))
    ones = np.ones(y.shape[0])
    manski = worst_case(y, (d, ~d), (ones, ones), (0.0, 1.0))
    assert (low.value, high.value) == pytest.approx([end.value for end in manski], rel=1e-10)
    assert end_std_error(low.psi) == pytest.approx(end_std_error(manski[0].psi), rel=1e-3)


def by_subsets(treated: tuple[int, ...], reference: float, q: int) -> float:
    """Average of the weight over every draw of q rows; with q odd, one of them set apart."""
    turns = [((reference - 1.0) / reference) ** d for d in treated]
    if q % 2 == 0:
        return 1.0 - float(np.mean([prod(turns[i] for i in chosen) for chosen in combinations(range(len(turns)), q)]))
    found = []
    for apart in range(len(turns)):
        others = [i for i in range(len(turns)) if i != apart]
        found += [(1 - treated[apart]) * prod(turns[i] for i in chosen) for chosen in combinations(others, q - 1)]
    return 1.0 - float(np.mean(found))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 1), min_size=1, max_size=7), st.floats(0.1, 0.9), st.integers(1, 5))
def test_the_weight_is_the_average_over_subsets(treated: list[int], reference: float, q: int) -> None:
    size = len(treated)
    made = pooling_weight(np.array([float(size)]), np.array([float(sum(treated))]), np.array([reference]), q)
    assert made[0] == pytest.approx(by_subsets(tuple(treated), reference, min(q, size)), rel=1e-9, abs=1e-9)
    if not any(treated):
        assert made[0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("q", [2, 3, 4])
def test_bounds_are_unbiased_for_what_they_bound_and_hold_the_effect(q: int) -> None:
    """Every assignment and outcome of a cell of four, by their probabilities: nothing is drawn."""
    p, reference, means = 0.3, 0.5, (0.7, 0.4)
    mean = np.zeros(2)
    for d, y in product(product((0, 1), repeat=4), product((0, 1), repeat=4)):
        chance = prod(p if a else 1 - p for a in d)
        chance *= prod(m if b else 1 - m for m, b in ((means[1 - a], b) for a, b in zip(d, y, strict=True)))
        treated, values = np.array(d) == 1, np.array(y, dtype=float)
        ends = pooled_bounds(values, treated, np.zeros(4, dtype=int), np.array([reference]), Pooling(q, (0.0, 1.0)))
        mean += chance * np.array([ends[0].value, ends[1].value])
    weight = [1 - (1 - a / r) ** (q - q % 2) * (1 - a) ** (q % 2) for a, r in ((p, reference), (1 - p, 1 - reference))]
    low = weight[0] * means[0] - (1 + weight[1] * (means[1] - 1))
    high = 1 + weight[0] * (means[0] - 1) - weight[1] * means[1]
    assert mean == pytest.approx([low, high], abs=1e-12)
    assert low <= means[0] - means[1] <= high


def test_the_influence_is_that_of_leaving_each_row_out() -> None:
    rng = np.random.default_rng(2)
    n = 60
    cell, d, y = rng.integers(0, 12, n), rng.random(n) < 0.4, rng.normal(size=n)
    reference = rng.uniform(0.2, 0.8, 12)
    pooling = Pooling(3, (-4.0, 4.0))
    low, high, _ = pooled_bounds(y, d, cell, reference, pooling)
    for j, end in enumerate((low, high)):
        left = [pooled_bounds(*(np.delete(a, i) for a in (y, d, cell)), reference, pooling)[j].value for i in range(n)]
        pseudo = (n - 1) * (end.value - np.array(left))
        assert end.psi == pytest.approx(pseudo - pseudo.mean(), abs=1e-9)


def test_errors_of_small_cells_are_not_below_the_spread() -> None:
    """Six rows a cell, a third of the cells without overlap: the error is never below the spread, nor far above."""
    rng, draws, cells = np.random.default_rng(6), 400, 300
    true, reference = np.tile([0.0, 0.3, 0.7], cells // 3), np.full(cells, 0.4)
    values = np.empty((draws, 2))
    errors = np.empty((draws, 2))
    for i in range(draws):
        cell = rng.integers(0, cells, 6 * cells)
        d = rng.random(6 * cells) < true[cell]
        y = (rng.random(6 * cells) < 0.3 + 0.3 * d).astype(float)
        kept, cell = np.unique(cell, return_inverse=True)
        ends = pooled_bounds(y, d, cell, reference[kept], Pooling(2, (0.0, 1.0)))[:2]
        values[i], errors[i] = [e.value for e in ends], [end_std_error(e.psi) for e in ends]
    ratio = np.sqrt(np.square(errors).mean(axis=0)) / values.std(axis=0, ddof=1)
    assert (ratio > 1.0 - 4.0 / np.sqrt(2.0 * draws)).all()
    assert (ratio < 1.3).all()


def test_ends_that_cross_leave_an_interval_around_their_middle() -> None:
    assert crossing_middle((0.3, 0.1), (0.1, 0.3)) == pytest.approx(0.25)
    low, high = crossing_interval((3.0, 1.0), (0.1, 0.1), 0.95)
    assert (low, high) == pytest.approx((2.0 - 0.1959964, 2.0 + 0.1959964))
    assert crossing_interval((0.0, 1.0), (0.1, 0.1), 0.95) == pytest.approx((-0.1959964, 1.1959964))
    assert crossing_interval((0.5, 0.5), (0.0, 0.0), 0.95) == (0.5, 0.5)
