"""StudySampler: an Optuna study that draws configurations and is told what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from types import MappingProxyType
from typing import Any

import optuna
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search_spaces import Config, ParamValue, SearchSpace, UserError
from search_spaces.errors import describe_error
from search_spaces.optuna_logging import quiet_optuna
from trainables.base.contract.objective import Objective
from tunelab.records.seeds import derive_seed
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.sampling.curve_sampler import CurveSampler
from tunelab.search.sampling.encoding import Encoding
from tunelab.search.sampling.fixed_parameters import fitting_params
from tunelab.search.sampling.grid import Point, grid_points
from tunelab.search.sampling.optuna_internals import make_study
from tunelab.search.sampling.optuna_trials import STATES, constraint_attributes, curve_of, losses_of, to_optuna
from tunelab.search.sampling.samplers import CURVES, GRID, RANDOM, find_sampler

TURNS = 2  # trials of each branch after its reference, before the sampler chooses branches
TURN_EVERY = 4  # one in this many later trials is of the branch whose turn it is
NONE_RUNNING: Mapping[int, Sequence[float]] = MappingProxyType({})
RANDOM_START = 24  # trials that a long search with curves draws at random first; measured in docs/search-methods.md
STUDY_NAME = "tunelab"  # fixed: Optuna's HyperbandPruner draws brackets from it


class StoppableStudy(optuna.Study):
    """A study whose sampler may end it, as Optuna's exhaustive ones do when nothing is left."""

    is_stopped = False

    def stop(self) -> None:
        """Take note that no further trial is wanted."""
        self.is_stopped = True


class StudySampler:
    """Draws one trial after another from an Optuna study.

    Where a sampler keeps nothing between proposals, each trial has a new one, seeded by the sweep's seed and the
    trial's number: a proposal depends on these and on what the study was told. A sampler that remembers is made once;
    when a sweep is resumed it makes the earlier proposals again. Either way a resumed sweep continues as it would have.

    Args:
        space: The search space.
        sampler: By name, see ``tunelab.search.sampling.samplers``.
        seed: The sweep's seed.
        reference: Parameters of trial 0, and of one trial for each further choice of the space's branch; those outside
            the space are drawn like any other.
        further_references: Parameters of further leading trials, each after the reference of its branch; those of a
            branch that the space lacks are left out.
        fixed: Parameters held at a value.
        warm_start: Finished trials of an earlier study to learn from.
        objectives: What is optimised, where it is more than ``val_loss``. The study minimises their losses.
        max_epochs: Length of a full trial, for a sampler that models curves.
        random_start: Number of trials, those of ``warm_start`` included, before such a sampler is asked.

    Attributes:
        is_as_before: False if the sampler proposed other configurations when an interrupted sweep was restored.
    """

    def __init__(
        self,
        space: SearchSpace,
        sampler: str,
        seed: int,
        *,
        reference: Mapping[str, ParamValue],
        fixed: Mapping[str, ParamValue],
        further_references: Sequence[Mapping[str, ParamValue]] = (),
        warm_start: Sequence[FrozenTrial] = (),
        objectives: Sequence[Objective] = (),
        max_epochs: int = 1,
        random_start: int = 0,
    ) -> None:
        self._space = space
        self._max_epochs, self._random_start = max_epochs, random_start
        self._objectives = objectives
        self._kind = find_sampler(sampler)
        self._seed = seed
        self._domains = space.distributions()
        self._fixed = dict(fixed)
        self._branches = [] if space.branch in fixed else space.branches()
        self._leading = self._leading_trials(reference, further_references)
        self._warm_start = warm_start
        self._before = len(warm_start)  # Optuna's numbers start after these
        self._grid: list[Point] = []
        self._added: dict[int, dict[str, ParamValue]] = {}
        self.references = len(self._leading)
        if self._kind.name == GRID:
            self._grid, self.references = grid_points(space, fixed, self._leading, derive_seed(seed, "grid", 0))
        self.is_as_before = True
        self._begin()

    def _begin(self) -> None:
        """Open an empty study."""
        self.storage = InMemoryStorage()
        with quiet_optuna():
            directions = [StudyDirection.MINIMIZE] * max(1, len(self._objectives))
            self._study_id = self.storage.create_new_study(directions, STUDY_NAME)
        if self._kind.remembers:  # it may look for its own trials, however old
            sampler = self._holding_fixed(self._kind.make(derive_seed(self._seed, "whole sampler", 0)))
            self.study: optuna.Study = StoppableStudy(STUDY_NAME, self.storage, sampler)
        elif self._objectives:  # a front has no best trials to look at alone
            self.study = optuna.Study(STUDY_NAME, self.storage)
        else:
            self.study = make_study(STUDY_NAME, self.storage)
        self.study.add_trials(self._warm_start)

    def restore(self, trials: Sequence[TrialRecord], told: Sequence[Sequence[int]]) -> None:
        """Take back the trials of an interrupted sweep; those that the study is not told of stay open.

        Args:
            trials: In order of their numbers.
            told: For each trial, the numbers of those that the study was told of since the proposal before; a last
                entry holds those since the last proposal.
        """
        if self._kind.remembers:
            self.is_as_before = self._propose_again(trials, told)
            if self.is_as_before:
                return
            self._begin()
        for trial in trials:
            opened = replace(trial, status=TrialStatus.RUNNING)
            self.study.add_trial(to_optuna(opened, self._space, self._domains, self._objectives))
        for number in chain(*told):
            self.tell(trials[number])

    def _propose_again(self, trials: Sequence[TrialRecord], told: Sequence[Sequence[int]]) -> bool:
        """Make the proposals of an interrupted sweep again; return False if one differs."""
        for number, known in enumerate(told):
            for other in known:
                self.tell(trials[other])
            if number < len(trials) and self.suggest(number)[0] != dict(trials[number].params):
                return False
        return True

    @property
    def grid_size(self) -> int:
        """Number of configurations of the grid; 0 for other samplers."""
        return len(self._grid)

    def try_out(self) -> None:
        """Draw from the sampler, and discard what came.

        Raises:
            UserError: It cannot propose for this space.
        """
        try:
            for number in range(self.references + 2):
                params, config = self.suggest(number)
                epochs = (Epoch(1, 1.0 + number, {o.metric: 1.0 for o in self._objectives[1:]}, 0.0),)
                self.tell(TrialRecord(number, params, config, 0, 1, TrialStatus.FINISHED, epochs))
        except Exception as error:
            raise UserError(f"--sampler {self._kind.name} cannot propose: {describe_error(error)}.") from error
        self._begin()

    @property
    def is_exhausted(self) -> bool:
        """True if the sampler wants no further trial."""
        return isinstance(self.study, StoppableStudy) and self.study.is_stopped

    def suggest(
        self, number: int, running: Mapping[int, Sequence[float]] = NONE_RUNNING
    ) -> tuple[dict[str, Any], Config]:
        """Draw the next trial.

        Args:
            number: The number of trials so far.
            running: Validation losses so far of trials that still run, by number; a model of curves looks at them.

        Returns:
            Its parameters and its configuration.
        """
        planned = self._planned(number)
        if not self._kind.remembers:
            self.study.sampler = self._make_sampler(number, planned, running)
        if planned:
            self.study.enqueue_trial(planned)
        trial = self.study.ask()
        if trial.number - self._before != number:
            raise RuntimeError(f"the study numbers this trial {trial.number - self._before}, the sweep {number}")
        config = self._space(trial)
        return self._space.values(trial.params), config

    def add(self, number: int, params: Mapping[str, ParamValue]) -> None:
        """Give a trial that is not drawn yet some of its parameters; the sampler draws the others."""
        self._added[number] = dict(params)

    def _planned(self, number: int) -> dict[str, ParamValue]:
        """Return parameters that the sampler does not choose: an added trial, a reference, a branch whose turn it is.

        Each branch has its reference, then ``TURNS`` trials of its own, then every ``TURN_EVERY``-th trial in rotation:
        a sampler that has seen one bad trial of a branch would hardly draw it again.
        """
        if number in self._added:
            return self._added[number]
        if self._grid:
            place = number - sum(other < number for other in self._added)
            return self._grid[place % len(self._grid)]
        if number < self.references:
            return self._leading[number]
        if not self._branches:
            return {}
        turn = number - self.references
        if turn < TURNS * len(self._branches):
            return self._turn(turn)
        return self._turn(turn // TURN_EVERY) if turn % TURN_EVERY == 0 else {}

    def _leading_trials(
        self, reference: Mapping[str, ParamValue], further: Sequence[Mapping[str, ParamValue]]
    ) -> list[dict[str, ParamValue]]:
        """Return parameters of the first trials: the reference of each branch, and the further ones of that branch."""
        inside = fitting_params(self._space.named(reference), self._domains)
        if not inside:
            return []
        branch, found = self._space.branch, []
        for number in range(max(1, len(self._branches))):
            own = {**inside, **self._fixed, **(self._turn(number) if self._branches else {})}
            of_branch = [one for one in further if branch in own and one.get(branch) == own[branch]]
            found += [
                own,
                *({**own, **fitting_params(self._space.named(one), self._domains), **self._fixed} for one in of_branch),
            ]
        return found

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
        for epoch, loss in curve_of(record, self._objectives).items():
            self.storage.set_trial_intermediate_value(trial_id, epoch, loss)
        for key, value in constraint_attributes(record).items():
            self.storage.set_trial_system_attr(trial_id, key, value)
        state = STATES[record.status]
        values = losses_of(record, self._objectives)
        self.study.sampler.after_trial(self.study, self.storage.get_trial(trial_id), state, values)
        self.storage.set_trial_state_values(trial_id, state, values)

    def trial_id(self, number: int) -> int:
        """Return a trial's id in the study's storage."""
        return self.storage.get_trial_id_from_study_id_trial_number(self._study_id, number + self._before)

    def _make_sampler(
        self, number: int, planned: Mapping[str, ParamValue], running: Mapping[int, Sequence[float]]
    ) -> optuna.samplers.BaseSampler:
        seed = derive_seed(self._seed, "sampler", number)
        if self._kind.name == CURVES and number + self._before < self._random_start:
            return self._holding_fixed(find_sampler(RANDOM).make(seed))
        if self._kind.name == CURVES and number % 2 == 0:  # the others are TPE's
            held = {**planned, **self._fixed}
            curves = {other + self._before: losses for other, losses in running.items()}
            return self._holding_fixed(CurveSampler(self._encoding, seed, self._max_epochs, held, curves))
        return self._holding_fixed(self._kind.make(seed))

    @cached_property
    def _encoding(self) -> Encoding:
        return Encoding(self._space)

    def _holding_fixed(self, base: optuna.samplers.BaseSampler) -> optuna.samplers.BaseSampler:
        return optuna.samplers.PartialFixedSampler(self._fixed, base) if self._fixed else base
