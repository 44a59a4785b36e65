"""What is measured, one function a row: each takes a ``Setting`` and returns what it measured."""
