"""What callers in Python and notebooks handle."""

import warnings

# Libraries that load while a sweep runs, in threads, write these into a cell. Filters that are set only while they load
# would not do: threads that change filters at the same time restore each other's.
for message in (
    "IProgress not found",
    'Field name "schema" in "JsonSchemaSpec"',
):  # of tqdm, which Optuna loads; MLflow
    warnings.filterwarnings("ignore", message=message)
