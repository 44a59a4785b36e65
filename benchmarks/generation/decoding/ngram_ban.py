"""Which tokens would repeat an n-gram of a growing sequence, in constant time a token."""

from __future__ import annotations

from collections.abc import Iterable


class NgramBan:
    """Remembers every n-gram of one sequence, prompt included.

    Args:
        size: n, at least 1.
        tokens: the sequence so far.
    """

    def __init__(self, size: int, tokens: Iterable[int]) -> None:
        self.size = size
        self._recent: tuple[int, ...] = ()  # the last n - 1 tokens
        self._followers: dict[tuple[int, ...], set[int]] = {}
        for token in tokens:
            self.append(token)

    def append(self, token: int) -> None:
        """Append a token to the sequence."""
        if len(self._recent) == self.size - 1:
            self._followers.setdefault(self._recent, set()).add(token)
        self._recent = (*self._recent, token)[-(self.size - 1) :] if self.size > 1 else ()

    def banned(self) -> set[int]:
        """Return the tokens that would complete an n-gram which is there already."""
        return self._followers.get(self._recent, set())
