"""Thousands of damaged files and studies: each runs, or is refused in the product's own words; nothing else."""

import random
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from fuzzing import DESIGN, damaged_file, damaged_study, damaged_text, good_files, table
from fuzzing_panels import damaged_panel, damaged_rows, panel_table

import estimand as es
from estimand.errors import EstimandError

FEW_FILES, FEW_STUDIES, FEW_PANELS, MANY, BATCH = 1_000, 300, 200, 5_000, 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("fuzz")
    table().to_csv(place / "good.csv", index=False)
    table().to_parquet(place / "good.parquet")
    panel_table().to_csv(place / "panel.csv", index=False)
    panel_table().to_parquet(place / "panel.parquet")
    with chdir(place):
        yield place


@pytest.fixture(scope="module")
def good(folder: Path) -> dict[str, bytes]:
    return good_files(folder)


def refusal(act: Callable[[], Any], seed: int) -> EstimandError | None:
    """Give the refusal of what was tried, or None where it ran; any other exception names the seed and fails."""
    try:
        act()
    except EstimandError as error:
        return error
    except Exception as error:
        error.add_note(f"seed {seed}")
        raise
    return None


def ends_well(act: Callable[[], Any], seed: int) -> bool:
    """Whether it ran; else it was refused with a sentence and a remedy."""
    error = refusal(act, seed)
    assert error is None or (error.message and error.remedy)
    return error is None


def batches(count: int) -> list[range]:
    return [range(start, min(start + BATCH, count)) for start in range(0, count, BATCH)]


def try_files(seeds: range, folder: Path, good: dict[str, bytes]) -> int:
    """Read, inspect and analyse damaged files; return how many could be analysed."""
    ran = 0
    for seed in seeds:
        name, content = damaged_file(seed, good)
        path = folder / name
        path.write_bytes(content)
        data = f"duckdb://{path}?table=t" if name.endswith(".duckdb") else str(path)
        rng = random.Random(seed)
        design = {**DESIGN, "covariates": rng.choice([["age", "region"], ["region"], ["age", "clicks"], []])}
        design["missing"] = rng.choice(["complete_case", "impute+indicator"])
        if rng.random() < 0.5:
            del design["unit"]
        ends_well(lambda d=data: es.inspect(d).study_yaml(), seed)
        method = rng.choice(["difference", "difference", "regression", "ipw"])
        ran += ends_well(lambda d=data, m=method, g=design: es.estimate(d, g, m), seed)
    return ran


def try_studies(seeds: range, folder: Path) -> int:
    """Run damaged studies, as mappings and as files; return how many ran."""
    ran = 0
    for seed in seeds:
        if seed % 2:
            ran += ends_well(lambda s=seed: es.run(damaged_study(s), threads=1), seed)
        else:
            (folder / "study.yaml").write_bytes(damaged_text(seed))
            ran += ends_well(lambda: es.run(folder / "study.yaml", threads=1), seed)
    return ran


def try_panels(seeds: range, folder: Path) -> int:
    """Audit and estimate from damaged panels, and run damaged studies of a good one; return how many ran."""
    ran = 0
    for seed in seeds:
        if seed % 4 == 0:
            ran += ends_well(lambda s=seed: es.run(damaged_panel(s), threads=1), seed)
            continue
        design, frame = damaged_rows(seed)
        rng = random.Random(seed)
        data: Any = frame
        if rng.random() < 0.5:
            data = folder / "damaged.csv"
            frame.to_csv(data, index=False)
        ends_well(lambda d=data, g=design: es.audit(d, g), seed)
        method = rng.choice(["did", "staggered_did", "imputation_did", "event_study", "sun_abraham", "extended_twfe"])
        ran += ends_well(lambda d=data, m=method, g=design: es.estimate(d, g, m), seed)
    return ran


@pytest.mark.parametrize("seeds", batches(FEW_PANELS), ids=str)
def test_no_damaged_panel_surfaces(seeds: range, folder: Path) -> None:
    assert 0 < try_panels(seeds, folder) < len(seeds)


@pytest.mark.nightly
@pytest.mark.parametrize("seeds", batches(MANY), ids=str)
def test_none_of_five_thousand_damaged_panels_surfaces(seeds: range, folder: Path) -> None:
    assert 0 < try_panels(seeds, folder) < len(seeds)


@pytest.mark.parametrize("seeds", batches(FEW_FILES), ids=str)
def test_no_damaged_file_surfaces(seeds: range, folder: Path, good: dict[str, bytes]) -> None:
    assert 0 < try_files(seeds, folder, good) < len(seeds)


@pytest.mark.parametrize("seeds", batches(FEW_STUDIES), ids=str)
def test_no_damaged_study_surfaces(seeds: range, folder: Path) -> None:
    assert 0 < try_studies(seeds, folder) < len(seeds)


@pytest.mark.nightly
@pytest.mark.parametrize("seeds", batches(MANY), ids=str)
def test_none_of_five_thousand_damaged_files_surfaces(seeds: range, folder: Path, good: dict[str, bytes]) -> None:
    assert 0 < try_files(seeds, folder, good) < len(seeds)


@pytest.mark.nightly
@pytest.mark.parametrize("seeds", batches(MANY), ids=str)
def test_none_of_five_thousand_damaged_studies_surfaces(seeds: range, folder: Path) -> None:
    assert 0 < try_studies(seeds, folder) < len(seeds)
