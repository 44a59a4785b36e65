"""What people call the loss that a search minimises, and in which sign they read it."""

from __future__ import annotations

from dataclasses import dataclass

from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.objective import METRIC
from tunelab.system.language import tr, tr_term


@dataclass(frozen=True)
class Measure:
    """How a loss is shown.

    Records hold a loss, which is minimised: of a function's metric that is maximised, its negative. Everything that a
    person sees has the user's own name and sign.

    Attributes:
        name: Of the metric: ``"val_loss"``, or what a function reports and its sweep optimises.
        is_maximised: True if higher is better for the user.
        text: Formula and unit.
    """

    name: str = METRIC
    is_maximised: bool = False
    text: str = ""

    @classmethod
    def from_facts(cls, facts: TaskFacts) -> Measure:
        """Return the measure of a task: ``val_loss`` of every task that tunelab knows the data of."""
        from trainables.base.kinds.registry import kind_of  # loads numpy, which a help does without

        kind = kind_of(facts.kind)
        if kind.has_data:
            return cls(text=kind.loss_text)
        return cls(facts.score, facts.score_direction == "maximize", kind.loss_text)

    def value(self, loss: float) -> float:
        """Return a loss, or a difference of losses, as the user counts it; also turns such a value into a loss."""
        return 0.0 - loss if self.is_maximised else loss

    @property
    def best_name(self) -> str:
        """Name of the best value of a trial or a sweep in the tracking store."""
        return f"best_{self.name}"

    @property
    def phrase(self) -> str:
        """The measure in a sentence, without an article: ``validation loss``, ``accuracy``."""
        return tr("validation loss") if self.name == METRIC and not self.is_maximised else self.name

    @property
    def description(self) -> str:
        """The measure and which way is better, a line: ``accuracy: as the function reports it; higher is better``."""
        way = tr("higher is better") if self.is_maximised else tr("lower is better")
        return f"{self.name}: {tr_term(self.text)}; {way}"

    @property
    def better(self) -> str:
        """``lower`` or ``higher``."""
        return tr("higher") if self.is_maximised else tr("lower")

    @property
    def extreme(self) -> str:
        """``lowest`` or ``highest``."""
        return tr("highest") if self.is_maximised else tr("lowest")
