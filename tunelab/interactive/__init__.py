"""What callers in Python and notebooks handle."""

import warnings
from contextlib import suppress
from importlib import import_module

with warnings.catch_warnings(), suppress(ImportError):  # Optuna imports tqdm, which in a notebook asks for ipywidgets
    warnings.simplefilter("ignore")
    import_module("tqdm.auto")
