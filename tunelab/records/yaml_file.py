"""The one way in which YAML is read: no code, no key twice, no aliases that make a small file a large one."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from search_spaces.errors import UserError, describe_error
from trainables.base.contract.files.bounded_input import read_bounded

MAX_BYTES = 2**20
MAX_NODES = 100_000  # keys, values and lists of a document, with aliases written out
NODE_LETTERS = 64  # of a text, beyond which it counts as several nodes
MAX_DIGITS = 1_000  # of a whole number; Python does not even print those of 0xfff... with more than 4,300


def read_yaml(path: Path, what: str) -> Any:
    """Read a YAML file.

    Args:
        path: The file, in UTF-8.
        what: How errors begin, e.g. ``"--config"``.

    Returns:
        Dicts, lists, texts, numbers, booleans, dates and None.

    Raises:
        UserError: The file cannot be read, is not YAML, is longer than 1 MiB, gives a key twice, or has aliases that
            contain themselves or repeat more than ``MAX_NODES`` values.
    """
    try:
        with path.open("rb") as stream:
            text = read_bounded(stream, str(path), MAX_BYTES, "has").decode("utf-8-sig")
        return yaml.load(text, Loader=_Loader)
    except OSError as error:
        raise UserError(f"{what} '{path}' cannot be read: {error.strerror}.") from error
    except UserError:
        raise
    except UnicodeDecodeError as error:
        raise UserError(f"{what} '{path}' is not UTF-8 text. Save it as UTF-8.") from error
    except RecursionError as error:
        raise UserError(f"{what} '{path}' is not valid YAML: its brackets are nested too deeply.") from error
    except (yaml.YAMLError, ValueError) as error:  # the latter of dates that do not exist and numbers without end
        detail = describe_error(error).partition(": ")[2]
        raise UserError(f"{what} '{path}' is not valid YAML: {detail.rstrip('.')}.") from error


class _Loader(yaml.SafeLoader):
    """The safe loader with these bounds; a repeated key is an error, as it is unclear which value is meant."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._sizes: dict[yaml.Node, int] = {}  # of nodes that are complete, aliases written out

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        alias = self.check_event(yaml.AliasEvent)
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        if node is None:
            return None
        if not alias:
            self._sizes[node] = self._size(node)
        elif node not in self._sizes:
            raise yaml.composer.ComposerError(None, None, "an alias is part of what it names", mark)
        if self._sizes[node] > MAX_NODES:
            raise yaml.composer.ComposerError(None, None, f"its aliases repeat more than {MAX_NODES:,} values", mark)
        return node

    def _size(self, node: yaml.Node) -> int:
        if isinstance(node, yaml.MappingNode):
            return 1 + sum(self._sizes[key] + self._sizes[value] for key, value in node.value)
        if isinstance(node, yaml.SequenceNode):
            return 1 + sum(self._sizes[item] for item in node.value)
        return 1 + len(node.value) // NODE_LETTERS

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > MAX_DIGITS:
            raise yaml.constructor.ConstructorError(None, None, "a number has too many digits", node.start_mark)
        return int(super().construct_yaml_int(node))

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        given = set()
        for key in (str(key.value) for key, _ in node.value):  # before others are merged in, which these may override
            if key in given:
                raise yaml.constructor.ConstructorError(None, None, f"'{key}' is given twice", node.start_mark)
            given.add(key)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return found


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
