"""Charts as still pictures."""

from estimand.figures.static.render import to_png, to_svg

__all__ = ["to_png", "to_svg"]
