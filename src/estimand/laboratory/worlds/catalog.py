"""Every world, in the order the page shows them."""

from estimand.core.nearest import did_you_mean
from estimand.errors import Code, DesignError
from estimand.laboratory.worlds.hard import HARD
from estimand.laboratory.worlds.plain import PLAIN
from estimand.laboratory.worlds.troubled import TROUBLED
from estimand.laboratory.worlds.world import World

WORLDS: dict[str, World] = {world.key: world for world in (*PLAIN, *HARD, *TROUBLED)}


def world(key: str) -> World:
    """Return a world by its key.

    Raises
    ------
    DesignError
        If there is none of that name.
    """
    if key not in WORLDS:
        raise DesignError(
            f"There is no simulated design '{key}'.",
            remedy=did_you_mean(key, WORLDS),
            code=Code.UNSUPPORTED,
            found=key,
            expected=list(WORLDS),
        )
    return WORLDS[key]
