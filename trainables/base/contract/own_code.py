"""Classes of users that a saved model needs: noted beside it, and run only when their user names the file.

A model's folder may come from someone else. Code that it names is imported from an installed package, or from a file
that the user gave and whose content is what it was when the model was made; never from the folder itself.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import shutil
import sys
import traceback
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError, describe_error
from trainables.base.contract.files.damage import entry, read_object
from trainables.base.contract.files.digests import file_digest
from trainables.base.contract.trainable import TASK_FILE, add_to_path

if TYPE_CHECKING:
    from trainables.base.contract.task import Task

FILE = "own_class.json"
SOURCE = "own_class.py"  # a copy of the file, to be looked at
SHIPPED = "trainables"


@dataclass(frozen=True)
class OwnClass:
    """Where a class of the user's is defined.

    Attributes:
        module: Name of its module.
        name: Its qualified name.
        file: Absolute path of the module's file; empty for a class of a notebook's cell.
        sha256: Of that file.
        package: The installed package that holds it; empty for a file of the user's own.
    """

    module: str
    name: str
    file: str
    sha256: str
    package: str

    @classmethod
    def from_class(cls, value: type) -> OwnClass | None:
        """Describe a class; None for one that comes with tunelab."""
        module = value.__module__
        if module.partition(".")[0] == SHIPPED:
            return None
        file = getattr(sys.modules.get(module), "__file__", None)
        if file is None:
            return cls(module, value.__qualname__, "", "", "")
        owners = [] if module.startswith(TASK_FILE) else metadata.packages_distributions().get(module.split(".")[0], [])
        path = Path(file).resolve()
        return cls(module, value.__qualname__, str(path), file_digest(path), next(iter(owners), ""))

    def save(self, folder: Path) -> None:
        """Write this into a model's folder, with a copy of the file."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False), encoding="utf-8")
        if self.file:
            shutil.copyfile(self.file, folder / SOURCE)

    @classmethod
    def load(cls, file: Path) -> OwnClass:
        """Read what ``save`` wrote; raise ``UserError`` when it is damaged."""
        stored = read_object(file)
        return cls(*(entry(stored, key, str, file) for key in ("module", "name", "file", "sha256", "package")))

    def find(self, trusted: Iterable[str]) -> Any:
        """Import the class.

        Args:
            trusted: Python files that the user named.

        Raises:
            UserError: No file that the user named is the one that the model was made with, or it does not run.
        """
        value: Any = self._module(list(trusted))
        for part in self.name.split("."):
            value = getattr(value, part, None)
        if not inspect.isclass(value):
            raise UserError(f"The model needs the class '{self.name}', which '{self._where}' no longer defines.")
        return value

    @property
    def _where(self) -> str:
        return self.file or self.module

    def _module(self, trusted: list[str]) -> ModuleType:
        if self.package:
            try:
                return importlib.import_module(self.module)
            except ImportError as error:
                raise UserError(
                    f"The model needs the class '{self.name}' of the package '{self.package}', which cannot be "
                    f"imported ({describe_error(error)}). Install it."
                ) from error
        if not self.file:
            raise UserError(
                f"The model needs the class '{self.name}', which was defined in a notebook's cell or a shell and "
                "cannot be found again. Put it into a Python file and import it from there."
            )
        given = [Path(path).absolute() for path in trusted if Path(path).is_file()]
        same = [path for path in given if file_digest(path) == self.sha256]
        if same:
            return import_file(same[0], f"tunelab_own_{same[0].stem}")
        if any(path == Path(self.file) for path in given):
            raise UserError(
                f"The model needs the class '{self.name}' of '{self.file}', which has changed since the model was "
                f"made (sha256 {self.sha256[:12]}). Bring the old file back, or train the model again."
            )
        raise UserError(
            f"The model needs the class '{self.name}' of '{self.file}', code of its author's, which runs only when "
            f"you name the file. Look at it, then add --trust '{self.file}' (in Python: trust=[...])."
        )


def line_of_error(error: BaseException, task: Task) -> str:
    """Return where the code of a task raised: ``my_task.py, line 12``; the last place of all where it is not in it."""
    source = getattr(task, "source", None)  # of a function
    file = inspect.getfile(type(task)) if source is None else source.file
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file]
    place = (own or frames)[-1]
    return f"{Path(place.filename).name}, line {place.lineno}"


def own_classes(folder: Path) -> list[OwnClass]:
    """Return the classes of users that a model and its members need."""
    return [OwnClass.load(file) for file in sorted(folder.rglob(FILE))]


def import_file(path: Path, name: str) -> ModuleType:
    """Run a Python file as a module of a name, with its folder on the path; what it raises passes through."""
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise UserError(f"'{path}' is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    add_to_path(path.resolve().parent)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
