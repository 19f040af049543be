"""LaLonde's question: did job training raise earnings? The experiment, and its treated beside a survey."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from estimand.data.card import DatasetCard
from estimand.errors import MissingDependency

COVARIATES = ("age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75")
COLUMNS = ("treat", *COVARIATES, "re78")
LABELS = {
    "treat": "job training",
    "re78": "1978 earnings",
    "re75": "1975 earnings",
    "re74": "1974 earnings",
    "educ": "years of school",
    "hisp": "Hispanic",
    "marr": "married",
    "nodegree": "no degree",
}
EARNINGS = ("re74", "re75", "re78")
# Of the experiment itself [dollars]: treated less control, with Welch's error; a test holds both to the file.
DIFFERENCE, STD_ERROR = 1794.3423818501024, 670.9965444673315

_SOURCE = (
    "National Supported Work demonstration; LaLonde (1986), Dehejia & Wahba (1999), "
    "doi:10.1080/01621459.1999.10473858, as distributed with Cunningham's Causal Inference: The Mixtape"
)
_LICENCE = "read from the causaldata package (MIT); not redistributed here"
_NEEDS = 'pip install "estimand[demo]"'


def _question(text: str, target: str) -> dict[str, Any]:
    benchmark = {"label": "NSW experiment", "value": DIFFERENCE, "std_error": STD_ERROR}
    return {"text": text, "target": target, "unit": "dollars", "benchmarks": [benchmark], "labels": LABELS}


def _design(kind: str) -> dict[str, Any]:
    return {"kind": kind, "treatment": "treat", "outcome": "re78", "covariates": list(COVARIATES)}


OBSERVATIONAL = DatasetCard(
    name="lalonde",
    title="Job training and earnings: those trained in the NSW beside CPS survey respondents",
    rows=16_177,
    source=_SOURCE,
    licence=_LICENCE,
    needs=_NEEDS,
    design=_design("observational"),
    question=_question("Did job training raise the 1978 earnings of those who were trained?", "ATT"),
)
EXPERIMENT = DatasetCard(
    name="lalonde_experiment",
    title="Job training and earnings: the NSW experiment itself",
    rows=445,
    source=_SOURCE,
    licence=_LICENCE,
    needs=_NEEDS,
    design=_design("experiment"),
    question=_question("Did job training raise 1978 earnings?", "ATE"),
)


def load_observational() -> pd.DataFrame:
    """Return the 185 trained of the experiment, then 15,992 respondents of the Current Population Survey.

    Raises
    ------
    MissingDependency
        If the package with the files is not installed.
    """
    experiment = _read("nsw_mixtape")
    return pd.concat([experiment[experiment["treat"] == 1], _read("cps_mixtape")], ignore_index=True)


def load_experiment() -> pd.DataFrame:
    """Return the 445 participants of the experiment.

    Raises
    ------
    MissingDependency
        If the package with the files is not installed.
    """
    return _read("nsw_mixtape")


def _read(name: str) -> pd.DataFrame:
    # Importing the package is slow, since it reads all its tables; only its place is wanted.
    found = find_spec("causaldata")
    if found is None or found.origin is None:
        raise MissingDependency(
            "The LaLonde data come with the causaldata package, which is not installed.",
            remedy=f"Run {_NEEDS}.",
        )
    frame = pd.read_stata(Path(found.origin).parent / name / f"{name}.dta", columns=list(COLUMNS))
    types = {column: np.float64 if column in EARNINGS else np.int64 for column in COLUMNS}
    return frame.astype(types)
