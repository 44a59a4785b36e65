"""Parameters that are given rather than drawn: those a user fixes, and those of another space."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search_spaces import ParamValue, SearchSpace, UserError, unknown
from search_spaces.distributions import contains


def fitting_params(
    params: Mapping[str, ParamValue], distributions: Mapping[str, BaseDistribution]
) -> dict[str, ParamValue]:
    """Return the parameters that a space has and whose values lie in it."""
    return {n: v for n, v in params.items() if n in distributions and contains(distributions[n], v)}


def check_fixed(space: SearchSpace, fixed: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
    """Return fixed hyperparameters as values of their parameters' types.

    Raises:
        UserError: A name is unknown, or a value lies outside the space.
    """
    return check_values(space.distributions(), fixed, "--set")


def check_values(
    distributions: Mapping[str, BaseDistribution], given: Mapping[str, ParamValue], where: str
) -> dict[str, ParamValue]:
    """Return given values of hyperparameters as values of their parameters' types.

    Args:
        distributions: Of the space, by name.
        given: Values by name.
        where: What messages begin with, such as ``--set``.

    Raises:
        UserError: A name is unknown, or a value lies outside the space.
    """
    checked: dict[str, ParamValue] = {}
    for name, value in given.items():
        if name not in distributions:
            raise unknown("hyperparameter", name, distributions)
        checked[name] = _in_domain(name, value, distributions[name], where)
    return checked


def _in_domain(name: str, value: ParamValue, domain: BaseDistribution, where: str) -> ParamValue:
    if isinstance(domain, CategoricalDistribution):
        for choice in domain.choices:
            same = str(choice) == str(value) or (isinstance(choice, bool) and str(choice).lower() == str(value).lower())
            if same:
                return choice
        raise UserError(f"{where} {name}={value}: {name} must be one of {', '.join(map(str, domain.choices))}.")
    if not isinstance(domain, IntDistribution | FloatDistribution):
        raise UserError(f"{where} {name}={value}: {name} cannot be fixed.")
    whole = isinstance(domain, IntDistribution)
    try:
        number = int(str(value)) if whole else float(str(value))
    except ValueError as error:
        raise UserError(f"{where} {name}={value}: {name} must be a{' whole' if whole else ''} number.") from error
    if not domain.low <= number <= domain.high:
        raise UserError(f"{where} {name}={value}: {name} must lie between {domain.low} and {domain.high}.")
    return number
