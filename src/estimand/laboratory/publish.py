"""Put measured tables and their page where the package and its documents carry them: into a checkout of the source."""

import shutil
from pathlib import Path

from estimand.errors import Code, DataError

PLACES = {
    "methods.csv": Path("src/estimand/measured/methods.csv"),
    "checks.csv": Path("src/estimand/measured/checks.csv"),
    "experiments.csv": Path("src/estimand/measured/experiments.csv"),
    "calibration.md": Path("docs/calibration.md"),
    "calibration.svg": Path("docs/calibration.svg"),
}


def publish(folder: Path, checkout: Path) -> tuple[Path, ...]:
    """Copy the tables and page that the folder holds into a checkout, and return where they went.

    Raises
    ------
    DataError
        If the folder is no checkout of this package.
    """
    if not all((checkout / place).parent.is_dir() for place in PLACES.values()):
        raise DataError(
            "Measured tables can be published into a checkout of the source only, and this folder is none.",
            remedy="Call it from the folder that holds src/estimand, or leave --publish out.",
            code=Code.UNREADABLE_FILE,
        )
    held = {name: place for name, place in PLACES.items() if (folder / name).is_file()}
    for name, place in held.items():
        shutil.copyfile(folder / name, checkout / place)
    return tuple(held.values())
