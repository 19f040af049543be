"""Every world, in the order the page shows them."""

from estimand.core.nearest import did_you_mean
from estimand.errors import Code, DesignError
from estimand.laboratory.worlds.hard import HARD
from estimand.laboratory.worlds.panel import Rollout
from estimand.laboratory.worlds.place import Place
from estimand.laboratory.worlds.plain import PLAIN
from estimand.laboratory.worlds.rollouts import ROLLOUTS
from estimand.laboratory.worlds.troubled import TROUBLED
from estimand.laboratory.worlds.troubled_rollouts import TROUBLED_ROLLOUTS

PLACES: tuple[Place, ...] = (*PLAIN, *HARD, *TROUBLED, *ROLLOUTS, *TROUBLED_ROLLOUTS)
WORLDS: dict[str, Place] = {world.key: world for world in PLACES}
ROLLOUT_KEYS = frozenset(world.key for world in PLACES if isinstance(world, Rollout))


def world(key: str) -> Place:
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
