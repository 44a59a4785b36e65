"""StudySampler: an Optuna study that draws configurations and is told what became of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import optuna
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search_spaces import Config, ParamValue, SearchSpace
from search_spaces.optuna_logging import quiet_optuna
from tunelab.records.seeds import derive_seed
from tunelab.records.trial import TrialRecord
from tunelab.search.fixed_parameters import fitting_params
from tunelab.search.optuna_internals import make_study
from tunelab.search.optuna_trials import STATES, to_optuna

TURNS = 2  # trials of each branch after its reference, before the sampler chooses branches
TURN_EVERY = 4  # one in this many later trials is of the branch whose turn it is
STUDY_NAME = "tunelab"  # fixed: Optuna's HyperbandPruner draws brackets from it


class StudySampler:
    """Draws one trial after another from an Optuna study.

    Each trial has a new sampler, seeded by the sweep's seed and the trial's number: a proposal depends on these and on
    what the study was told, not on the sampler's past, so that a resumed sweep continues as it would have.

    Args:
        space: The search space.
        sampler: ``"tpe"`` (default of sweeps) or ``"random"``.
        seed: The sweep's seed.
        reference: Parameters of trial 0, and of one trial for each further choice of the space's branch; those outside
            the space are drawn like any other.
        fixed: Parameters held at a value.
        warm_start: Finished trials of an earlier study to learn from.
    """

    def __init__(
        self,
        space: SearchSpace,
        sampler: Literal["tpe", "random"],
        seed: int,
        *,
        reference: Mapping[str, ParamValue],
        fixed: Mapping[str, ParamValue],
        warm_start: Sequence[FrozenTrial] = (),
    ) -> None:
        self._space = space
        self._sampler = sampler
        self._seed = seed
        inside = fitting_params(reference, space.distributions())
        self._reference = {**inside, **fixed} if inside else {}
        self._fixed = dict(fixed)
        self._branches = [] if space.branch in fixed else space.branches()
        self.storage = InMemoryStorage()
        with quiet_optuna():
            self._study_id = self.storage.create_new_study([StudyDirection.MINIMIZE], STUDY_NAME)
        self.study = make_study(STUDY_NAME, self.storage)
        self._before = len(warm_start)  # Optuna's numbers start after these
        self.study.add_trials(warm_start)

    def restore(self, trials: Sequence[TrialRecord]) -> None:
        """Add the trials of an interrupted sweep, in order of their numbers; running ones stay open."""
        for trial in trials:
            self.study.add_trial(to_optuna(trial, self._space))

    def suggest(self, number: int) -> tuple[dict[str, ParamValue], Config]:
        """Draw the next trial.

        Args:
            number: The number of trials so far.

        Returns:
            Its parameters and its configuration.
        """
        self.study.sampler = self._make_sampler(number)
        planned = self._planned(number)
        if planned:
            self.study.enqueue_trial(planned)
        trial = self.study.ask()
        if trial.number - self._before != number:
            raise RuntimeError(f"the study numbers this trial {trial.number - self._before}, the sweep {number}")
        config = self._space(trial)
        return dict(trial.params), config

    @property
    def references(self) -> int:
        """Number of leading trials that are reference configurations: one a branch of the space, or one."""
        return max(1, len(self._branches)) if self._reference else 0

    def _planned(self, number: int) -> dict[str, ParamValue]:
        """Return the parameters of a trial that the sampler does not choose: a reference, or a branch whose turn it is.

        Each branch has its reference, then ``TURNS`` trials of its own, then every ``TURN_EVERY``-th trial in rotation:
        a sampler that has seen one bad trial of a branch would hardly draw it again.
        """
        if number < self.references:
            return {**self._reference, **(self._turn(number) if self._branches else {})}
        if not self._branches:
            return {}
        turn = number - self.references
        if turn < TURNS * len(self._branches):
            return self._turn(turn)
        return self._turn(turn // TURN_EVERY) if turn % TURN_EVERY == 0 else {}

    def _turn(self, number: int) -> dict[str, ParamValue]:
        name, choices = str(self._space.branch), self._branches
        return {name: choices[number % len(choices)]}

    def tell(self, record: TrialRecord) -> None:
        """Tell the study what became of a trial: its curve, and COMPLETE, PRUNED with its last step, or FAIL.

        Does nothing for a trial that the study knows already.
        """
        trial_id = self.trial_id(record.number)
        if self.storage.get_trial(trial_id).state != TrialState.RUNNING:
            return
        for epoch in record.epochs:
            if math.isfinite(epoch.val_loss):
                self.storage.set_trial_intermediate_value(trial_id, epoch.epoch, epoch.val_loss)
        state = STATES[record.status]
        values = None if state == TrialState.FAIL else [record.val_loss]
        self.storage.set_trial_state_values(trial_id, state, values)

    def trial_id(self, number: int) -> int:
        """Return a trial's id in the study's storage."""
        return self.storage.get_trial_id_from_study_id_trial_number(self._study_id, number + self._before)

    def _make_sampler(self, number: int) -> optuna.samplers.BaseSampler:
        seed = derive_seed(self._seed, "sampler", number)
        base: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=seed)
        if self._sampler == "tpe":
            base = optuna.samplers.TPESampler(seed=seed)
        return optuna.samplers.PartialFixedSampler(self._fixed, base) if self._fixed else base
