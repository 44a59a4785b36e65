"""Where Ray's workers import modules from: what this process imports from, and not the working directory as such."""

from __future__ import annotations

import os
import sys
from typing import Any

from ray.job_config import JobConfig


class SameImportPath(JobConfig):  # type: ignore[misc, unused-ignore]
    """A job whose workers look for modules in no folder in which this process does not.

    Ray puts the working directory before the packages of each worker. The command ``tunelab`` imports nothing from
    there, and a ``torch.py`` in it is a user's own.
    """

    def _serialize(self) -> Any:
        """Return what Ray sends to its workers."""
        folders = {os.path.abspath(folder or os.curdir) for folder in sys.path}
        given: list[str] = getattr(self, "_py_driver_sys_path", [])
        given[:] = [folder for folder in given if folder in folders]
        return super()._serialize()
