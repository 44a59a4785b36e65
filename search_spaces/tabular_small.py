"""The tabular space for tables of some thousand rows and fewer: the same, with smaller batches."""

from __future__ import annotations

from functools import partial

from search_spaces.space import SearchSpace
from search_spaces.tabular import suggest_table

space = SearchSpace("tabular_small", partial(suggest_table, batch_sizes=(16, 32, 64, 128)), branch="family")
