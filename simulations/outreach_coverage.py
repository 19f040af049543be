"""Do the 95 % intervals of the adjustment methods cover the truth of the outreach study?

Draws the study anew from fixed seeds, estimates it by each method with its defaults, and writes one row per method
to ``outreach_coverage.csv`` beside this file::

    python simulations/outreach_coverage.py

Columns: bias and the standard deviation of the estimates in outcome units, each with its Monte-Carlo error; the
mean standard error over that deviation; the share of intervals that cover the true average effect, with its
Monte-Carlo error; the share of estimates of the right sign.
"""

import csv
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

import estimand as es

METHODS = ("difference", "regression", "ipw", "balancing", "gcomputation", "aipw", "dml")
DRAWS, ROWS, FIRST_SEED = 200, 6_000, 1_000
RESULT = Path(__file__).with_suffix(".csv")


def draw(seed: int) -> list[tuple[float, float, float, float]]:
    """Value, standard error and interval of each method on one draw."""
    frame = es.datasets.generate("outreach", rows=ROWS, seed=seed)
    made = [es.estimate(frame, frame.attrs["design"], method, seed=seed) for method in METHODS]
    return [(float(e.value[0]), float(e.std_error[0]), *map(float, e.interval()[0])) for e in made]


def summary(method: str, rows: np.ndarray, truth: float) -> dict[str, object]:
    """One row of the result; ``rows`` has shape (draws, 4)."""
    value, error, low, high = rows.T
    spread = value.std(ddof=1)
    covered = float(np.mean((low <= truth) & (truth <= high)))
    return {
        "method": method,
        "draws": len(rows),
        "rows": ROWS,
        "truth": truth,
        "bias": round(float(value.mean() - truth), 5),
        "bias_mc_error": round(float(spread / np.sqrt(len(rows))), 5),
        "deviation": round(float(spread), 5),
        "se_ratio": round(float(error.mean() / spread), 3),
        "coverage": round(covered, 4),
        "coverage_mc_error": round(float(np.sqrt(covered * (1 - covered) / len(rows))), 4),
        "negative": round(float(np.mean(value < 0)), 4),
    }


def main() -> None:
    """Run all draws, two at a time, and write the table."""
    truth = float(es.datasets.describe("outreach").truth["ate"])
    with ProcessPoolExecutor(max_workers=2) as pool:
        results = np.array(list(pool.map(draw, range(FIRST_SEED, FIRST_SEED + DRAWS))))
    rows = [summary(method, results[:, j], truth) for j, method in enumerate(METHODS)]
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
