"""Arms that stand apart are looked for once a sample, and what was found is kept where other rows are taken."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from drawn import sample_of

import estimand as es
from estimand.core.catalog import resolve
from estimand.core.design import as_design
from estimand.core.nuisances import Apart
from estimand.core.run import Run
from estimand.core.sample import Encoded
from estimand.models.bank import Cache, NuisanceBank
from estimand.study.case import case_of


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    d = (x[:, 1] > 0.2).astype(int)
    columns = {f"x{j}": x[:, j] for j in range(4)}
    return pd.DataFrame({**columns, "d": d, "y": d + rng.normal(size=300), "w": rng.uniform(1, 2, 300)})


def test_the_arm_and_the_covariate_are_named() -> None:
    sample = sample_of(frame())
    assert NuisanceBank(sample, "y", Run(0)).apart() == Apart(1, "x1")
    turned = frame().assign(x1=lambda f: f["x1"] + f["x0"])
    assert NuisanceBank(sample_of(turned), "y", Run(0)).apart() == Apart(1, None)
    mixed = frame().assign(d=lambda f: np.arange(300) % 2)
    assert NuisanceBank(sample_of(mixed), "y", Run(0)).apart() is None


def test_banks_of_one_study_look_once_a_sample_and_keep_what_they_found() -> None:
    sample, cache = sample_of(frame()), Cache()
    found = NuisanceBank(sample, "y", Run(0), cache).apart()
    noise = np.random.default_rng(1).normal(size=sample.features.values.shape)
    same_name = replace(sample, features=Encoded(noise, sample.features.features))
    assert NuisanceBank(same_name, "y", Run(0)).apart() is None
    assert NuisanceBank(same_name, "y", Run(7), cache).apart() is found
    later = cache.for_other_rows()
    assert NuisanceBank(same_name, "y", Run(0), later).apart() is found
    assert NuisanceBank(sample.take(np.arange(299)), "y", Run(0), later).apart() == found
    assert set(cache.apart) == {sample.fingerprint, sample.take(np.arange(299)).fingerprint}
    assert later.fits is not cache.fits


@pytest.mark.parametrize("method", ["regression", "gcomputation"])
def test_methods_refuse_what_the_bank_has_found(method: str) -> None:
    plan = as_design(
        {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": [f"x{j}" for j in range(4)]}
    )
    cache = Cache()
    case = case_of(plan, sample_of(frame()), "y", Run(0), cache)
    adjusting = resolve("methods", method)()
    with pytest.raises(es.IdentificationError, match="Covariate 'x1' tells"):
        adjusting.estimate(case)
    cache.apart[case.sample().fingerprint] = None
    assert np.isfinite(adjusting.estimate(case).value).all()
