"""Placebo treatments: silent where the method is sound, loud where it is broken, the same at any number of threads."""

from dataclasses import replace

import numpy as np
import pytest
from stress_cases import PLAIN_AIPW, altered, confounded, estimated, found, run

import estimand as es
from estimand.checks.stress.placebo import PlaceboTreatment, Shuffle
from estimand.core.uncertainty import Normal
from estimand.errors import DataError

KEY = "stress.placebo_treatment"


def test_sound_methods_pass_though_the_data_are_confounded() -> None:
    record = run(confounded(), ["difference", "regression", "ipw", PLAIN_AIPW])
    grades = {f.about: f.grade for f in record.findings if f.check == KEY}
    assert grades == dict.fromkeys(["difference", "regression", "ipw"], es.Grade.PASS)
    finding = found(record, KEY, "ipw")
    assert len(finding.evidence) == 20
    assert "Of 20 shuffled treatments, 0 gave an estimate as far from zero" in finding.message
    assert "Monte Carlo error 5%" in finding.message
    assert "Not refitted, for their cost: aipw." in finding.message
    values = np.array(finding.evidence["estimate"])
    assert finding.statistic == pytest.approx(values.mean() / (values.std(ddof=1) / np.sqrt(20)))


def test_the_refits_are_of_shuffled_treatments_with_nuisances_of_their_own() -> None:
    """By hand: the same shuffles, weighted by a propensity fitted anew."""
    frame = confounded(300)
    record = run(frame, ["ipw"])
    case, _ = estimated(frame, ["ipw"])
    evidence = found(record, KEY, "ipw").evidence["estimate"]
    for draw in range(3):
        codes = Shuffle.of(case).codes(case.run.rng(KEY, "y", draw))
        assert codes.sum() == frame["d"].sum()
        again = es.estimate(frame.assign(d=codes), case.design, "ipw")
        assert evidence[draw] == pytest.approx(again.value[0], rel=1e-9)


def test_threads_do_not_matter_and_seeds_do() -> None:
    frame = confounded(400)
    made = [run(frame, ["regression", "ipw", PLAIN_AIPW], threads=threads) for threads in (1, 2, 4)]
    assert len({record.digest() for record in made}) == 1
    other = es.Study(data=frame, design=dict(made[0].design.to_dict()), methods=["ipw"], seed=1).run(threads=1)
    assert found(other, KEY, "ipw").evidence["estimate"] != found(made[0], KEY, "ipw").evidence["estimate"]


def test_a_standard_error_that_is_too_small_is_seen() -> None:
    case, estimates = estimated(confounded(), ["difference"])

    def overconfident(estimate: es.Estimate, changed: object) -> es.Estimate:
        again = es.estimate(changed.source, changed.design, "difference")
        return replace(again, uncertainty=Normal(again.uncertainty.vcov / 16, again.uncertainty.df))

    (finding,) = PlaceboTreatment().examine(case, estimates, altered(overconfident))
    assert finding.grade is es.Grade.WARN
    assert "standard error is too small" in finding.remedy


def test_a_method_that_finds_what_is_not_there_is_seen() -> None:
    case, estimates = estimated(confounded(), ["difference"])

    def leaky(estimate: es.Estimate, changed: object) -> es.Estimate:
        again = es.estimate(changed.source, changed.design, "difference")
        return replace(again, value=again.value + 0.3)

    (finding,) = PlaceboTreatment().examine(case, estimates, altered(leaky))
    assert finding.grade is es.Grade.WARN
    assert finding.statistic > 4
    assert "effect where there is none" in finding.remedy


def test_clusters_are_shuffled_whole_and_strata_kept() -> None:
    frame = confounded(600).assign(team=np.arange(600) % 60)
    frame["d"] = (frame["team"] % 3 == 0).astype(int)
    case, _ = estimated(frame, ["difference"], cluster="team")
    codes = Shuffle.of(case).codes(case.run.rng("x"))
    assert (np.array([codes[frame["team"] == t].std() for t in range(60)]) == 0).all()
    assert not (codes == case.sample().arm).all()
    site = confounded(600).assign(site=np.repeat(["a", "b"], 300))
    site.loc[site.index[:280], "d"] = 0
    case, _ = estimated(site, ["difference"], covariates=["x0", "site"], roles={"exact": ["site"]})
    codes = Shuffle.of(case).codes(case.run.rng("x"))
    assert codes[:300].sum() == site["d"][:300].sum()
    assert not (codes == case.sample().arm).all()


def test_cost_bounds_the_draws() -> None:
    case, estimates = estimated(confounded(), ["regression", "ipw"])
    one = 1_000 * 4

    def refit(estimate: es.Estimate, changed: object) -> es.Estimate:
        return es.estimate(changed.source, changed.design, estimate.method)

    fewer = PlaceboTreatment(spend=2 * one * 12).examine(case, estimates, refit)
    assert [len(f.evidence) for f in fewer] == [12, 12]
    none = PlaceboTreatment(spend=2 * one * 9).examine(case, estimates, refit)
    assert [f.grade for f in none] == [es.Grade.NOT_RUN] * 2


def test_draws_that_cannot_be_estimated_are_counted() -> None:
    case, estimates = estimated(confounded(), ["difference"])
    seen: list[int] = []

    def often(estimate: es.Estimate, changed: object) -> es.Estimate:
        seen.append(1)
        if len(seen) % 3 == 0:
            raise DataError("Nothing varies.", remedy="None.")
        return es.estimate(changed.source, changed.design, "difference")

    (finding,) = PlaceboTreatment().examine(case, estimates, often)
    assert "Of 14 shuffled" in finding.message
    assert "6 more could not be estimated" in finding.message
    (refused,) = PlaceboTreatment(fewest=15).examine(case, estimates, often)
    assert refused.grade is es.Grade.NOT_RUN
