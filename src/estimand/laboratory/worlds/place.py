"""What the laboratory calls a world: two arms of one table, or a rollout over time."""

from typing import TypeAlias

from estimand.laboratory.worlds.panel import Rollout
from estimand.laboratory.worlds.world import World

Place: TypeAlias = World | Rollout
