"""A trained model as users call it: raw inputs in, predictions out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from search_spaces.errors import UserError

if TYPE_CHECKING:
    import numpy as np

Reads = Literal["table", "picture", "text", "seed", "nothing"]  # what ``tunelab predict`` gives a model


class Predictor(ABC):
    """A trained model with its preprocessing: raw inputs in, predictions in the target's unit out.

    Attributes:
        kind: The name by which ``trainables.load_predictor`` finds the class; ``save`` writes it as ``"predictor"``
            into ``predictor.json``.
        reads: What a file must hold to predict it, see ``tunelab predict``; ``"seed"``: no file but a whole number,
            from which the model draws.
        columns: Names of the columns that a model of a table reads as they are written; empty for a model whose
            preprocessing says how cells are read.
        packages: Packages that the model is built with, beside those that most models are.
    """

    kind: ClassVar[str]
    reads: Reads = "nothing"
    columns: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    @property
    def pipeline_parts(self) -> Mapping[str, Any]:
        """Return the parts of a transformers pipeline; empty for every other model.

        Returns:
            ``model``, ``tokenizer``, ``card`` (its model card, Markdown) and ``facts`` (JSON values, ``licence`` among
            them).
        """
        return {}

    @abstractmethod
    def predict(self, inputs: Any) -> Any:
        """Predict raw inputs.

        Args:
            inputs: n rows, as ``RawSplit.inputs`` holds them; their targets are not needed.

        Returns:
            A DataFrame with n rows, in the inputs' order: a column ``prediction``, in the target's unit or the class,
            and for classes one column ``p_<class>`` each, whose sum is 1.

        Raises:
            UserError: The inputs lack something that the model reads.
        """

    def read_image(self, content: bytes) -> np.ndarray:
        """Read the bytes of a picture file as one row of raw inputs.

        Raises:
            UserError: The bytes are not a picture that the model can predict, or it takes no picture.
        """
        raise UserError("This model takes no picture. Give it what it was trained on (see 'tunelab results').")

    def difference(self, other: Any, inputs: Any) -> str:
        """Return in what another predictor, loaded back from this one's files, differs; empty when in nothing.

        Args:
            other: The loaded one.
            inputs: A few rows, as ``predict`` takes them.
        """
        import pandas as pd

        try:
            pd.testing.assert_frame_equal(self.predict(inputs), other.predict(inputs), check_exact=False, rtol=1e-5)
        except AssertionError as error:
            return str(error).partition("\n")[0]
        return ""

    @property
    def flavour(self) -> str:
        """MLflow's flavour that also keeps ``native()``, without pickle; empty for none."""
        return ""

    def native(self) -> Any:
        """Return the model as its own library has it; this object, where there is no other form."""
        return self

    def trial_input(self) -> Any:
        """Return one row of raw inputs that a whole model can predict, on which a loaded one is tried.

        Returns:
            The row, as ``predict`` takes it; None where a prediction would take long.
        """
        return None

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the model into an existing folder: safetensors, JSON, skops or text files, never a pickle.

        Args:
            folder: Empty.
        """

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Predictor:
        """Read what ``save`` wrote.

        Args:
            folder: As ``save`` left it.

        Returns:
            A predictor whose predictions equal those of the saved one, bit for bit.

        Raises:
            UserError: The folder holds something else.
        """
