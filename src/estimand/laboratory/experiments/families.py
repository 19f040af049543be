"""How often any of several tests read together finds an effect, where none is anywhere."""

from collections.abc import Sequence

import pyarrow as pa

from estimand.core.design import as_design
from estimand.core.experiment_rates import Rate, Rule
from estimand.core.multiplicity import Multiplicity, adjusted_p_values
from estimand.core.run import Run
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.laboratory.experiments.draws import family
from estimand.laboratory.experiments.rules import Share, keeps_size, ruled
from estimand.laboratory.experiments.tally import Part, Tally, added
from estimand.laboratory.experiments.worlds import NORMAL, VISITS
from estimand.laboratory.worlds.mark import marked
from estimand.models.bank import Cache
from estimand.study.case import case_of
from estimand.study.examine import run_method
from estimand.study.plan import plan_methods

ALPHA = 0.05
BATCH, BATCHES, AGAIN = 50, 80, 200
SITUATION = "four arms alike, two metrics that go together: six tests, 400 users"
DESIGN = {
    "kind": "experiment", "treatment": "arm", "control": "A",
    "metrics": [{**NORMAL, "covariate": None}, dict(VISITS)],
}  # fmt: skip
KINDS: tuple[tuple[Multiplicity, Rule], ...] = (
    ("bonferroni", "conservative"), ("holm", "conservative"), ("BH", "conservative"), ("romano_wolf", "exact"),
)  # fmt: skip


def parts() -> tuple[Part, ...]:
    """One part."""
    return (Part("families", BATCHES, AGAIN, measured, rates, mark),)


def mark(seed: int) -> str:
    """Fingerprint of what is drawn."""
    return marked(DESIGN, family(Run(seed).rng("mark")))


def measured(seed: int, batch: int, cells: frozenset[str]) -> Tally:
    """Sum up a batch: experiments, and those in which any adjusted p-value is at most the size."""
    out: Tally = {}
    for repetition in range(batch * BATCH, (batch + 1) * BATCH):
        out = added(out, _one(seed, repetition))
    return out


def _one(seed: int, repetition: int) -> Tally:
    design = as_design(DESIGN)
    table = pa.table(dict(family(Run(seed).rng("family", repetition))))
    sample = build_sample(read_table(table, design.columns()), design)
    run = Run(Run(seed).seed_for("reading family", repetition))
    (planned,) = plan_methods(["difference"], {}, None, design)
    cases = [case_of(design, sample, outcome, run, Cache()) for outcome in design.outcome]
    read = [run_method(planned, case, case.outcome) for case in cases]
    out: Tally = {"none": _found([float(p) for item in read for p in item.p_value])}
    for kind, _ in KINDS:
        out[kind] = _found(adjusted_p_values(read, kind, seed=run.seed)["adjusted"])
    return out


def _found(p_values: Sequence[float]) -> tuple[float, ...]:
    return (1.0, float(min(p_values) <= ALPHA))


def rates(tally: Tally) -> tuple[Rate, ...]:
    """A row for every correction, and one for none."""
    return tuple(_rate(kind, rule, tally[kind]) for kind, rule in (("none", "published"), *KINDS) if kind in tally)


def _rate(kind: str, rule: Rule, sums: tuple[float, ...]) -> Rate:
    tables, found = sums
    share = Share(found, tables)
    ruling = "published" if rule == "published" else ruled(keeps_size(rule, share, ALPHA), "")
    return Rate(
        part="families",
        situation=SITUATION,
        setting=kind,
        method="difference",
        tables=int(tables),
        expected=ALPHA,
        measured=share.value,
        error=share.error,
        rule=rule,
        ruling=ruling,
    )
