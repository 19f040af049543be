"""What ``import estimand`` loads, and that ``stats`` does not know the nouns."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "duckdb",
    "lightgbm",
    "matplotlib",
    "numba",
    "numpy",
    "pandas",
    "plotly",
    "polars",
    "pyarrow",
    "scipy",
    "sklearn",
}
EVERY_MODULE_OF_STATS = """
import importlib, pkgutil, estimand.stats
for module in pkgutil.walk_packages(estimand.stats.__path__, "estimand.stats."):
    importlib.import_module(module.name)
"""


def loaded_by(statement: str) -> set[str]:
    """Every module in memory of a new interpreter after one statement."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_the_package_loads_no_numeric_or_plotting_library() -> None:
    loaded = loaded_by("import estimand")
    assert "estimand" in loaded
    assert not {name.split(".")[0] for name in loaded} & HEAVY


def test_the_statistics_load_no_noun_and_no_validation() -> None:
    loaded = loaded_by(EVERY_MODULE_OF_STATS)
    assert "estimand.stats.linear" in loaded
    assert not {name for name in loaded if name.startswith("estimand.core")}
    assert not {"pydantic", "pandas", "sklearn", "matplotlib"} & loaded


@pytest.mark.parametrize("statement", ["import estimand.core.record", "import estimand.core.catalog"])
def test_the_nouns_load_no_reader_learner_or_plot(statement: str) -> None:
    loaded = {name.split(".")[0] for name in loaded_by(statement)}
    assert not loaded & (HEAVY - {"numpy", "scipy"})


def test_a_study_on_the_command_line_starts_without_what_only_a_learner_or_one_statistic_needs() -> None:
    loaded = loaded_by("import estimand.cli.studies, estimand.cli.auditing")
    assert "estimand.study.study" in loaded
    assert not {"lightgbm", "scipy.stats", "sklearn"} & loaded
