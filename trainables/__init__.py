"""What is learned: one task a file. This is the door to the contract of tasks and to finding them."""

from trainables.base.contract.data import RawSplit, SealedTest, Splits, TrainingData, digest_arrays
from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.objective import METRIC
from trainables.base.contract.options import TaskOption
from trainables.base.contract.predictor import Predictor
from trainables.base.contract.task import SPLIT_SEED, EpochReport, Task
from trainables.base.tables.tabular import TabularTask
from trainables.discovery import (
    get_task,
    is_shipped,
    load_data,
    load_predictor,
    save_predictor,
    shipped_tasks,
    task_class,
    task_classes,
    task_names,
)

__all__ = [
    "METRIC",
    "SPLIT_SEED",
    "EpochReport",
    "Predictor",
    "RawSplit",
    "SealedTest",
    "Splits",
    "TabularTask",
    "Task",
    "TaskFacts",
    "TaskOption",
    "TrainingData",
    "digest_arrays",
    "get_task",
    "is_shipped",
    "load_data",
    "load_predictor",
    "save_predictor",
    "shipped_tasks",
    "task_class",
    "task_classes",
    "task_names",
]
