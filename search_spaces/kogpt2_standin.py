"""Fine-tuning the small stand-in for KoGPT2: as for the real model, with the learning rates of a small network."""

from __future__ import annotations

from functools import partial

from search_spaces.kogpt2 import suggest_fine_tuning
from search_spaces.space import SearchSpace

LR = (1e-5, 1e-2)  # 150 times fewer parameters than KoGPT2 take rates up to 100 times larger

space = SearchSpace("kogpt2_standin", partial(suggest_fine_tuning, lr=LR))
