"""Name the nearest known word to a misspelt one."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a sentence naming the nearest known word, or all of them where none is near."""
    names = sorted(known)
    folded = {name.casefold(): name for name in names}
    close = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{folded[close[0]]}'?"
    listed = ", ".join(names[:20])
    return f"Known: {listed}{' …' if len(names) > 20 else ''}."
