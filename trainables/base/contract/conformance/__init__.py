"""The conformance suite: what a task must do so that a sweep can rely on it. This is its door."""

from trainables.base.contract.conformance.suite import CheckResult, check_task, plain_fault

__all__ = ["CheckResult", "check_task", "plain_fault"]
