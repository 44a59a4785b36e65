"""Files of trials in a local folder or an object store, by URI; a reader never meets a half-written file."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

from pyarrow import fs as pafs
from pyarrow.lib import ArrowInvalid

from search_spaces.errors import UserError, message_of

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# The words of libraries that do not raise an OSError: safetensors, and torch's writer of files.
NO_SPACE_WORDS = (*(f"(os error {code})" for code in NO_SPACE), "PytorchStreamWriter failed writing file")


class Storage:
    """A folder by path or URI (``/shared/sweeps``, ``s3://bucket/sweeps``); paths are relative to it."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        try:
            self._fs: pafs.FileSystem = pafs.LocalFileSystem()
            self._root = os.path.abspath(uri)
            if "://" in uri:
                self._fs, self._root = pafs.FileSystem.from_uri(uri)
        except (ArrowInvalid, OSError) as error:
            raise UserError(f"--storage '{uri}' is not a folder or URI that can be used: {error}.") from error
        self._local = isinstance(self._fs, pafs.LocalFileSystem)

    def write(self, path: str, content: bytes) -> None:
        """Write a file whole or not at all."""
        target = f"{self._root}/{path}"
        self._fs.create_dir(target.rpartition("/")[0], recursive=True)
        if self._local:
            with tempfile.NamedTemporaryFile(dir=Path(target).parent, prefix=".part-", delete=False) as file:
                try:
                    file.write(content)
                    file.flush()
                except OSError:
                    os.unlink(file.name)
                    raise
            os.replace(file.name, target)
            return
        with self._fs.open_output_stream(target) as stream:  # object stores show a file when it is complete
            stream.write(content)

    def read(self, path: str) -> bytes:
        """Return a file's bytes; raises ``FileNotFoundError`` when there is none."""
        with self._fs.open_input_stream(f"{self._root}/{path}") as stream:
            return bytes(stream.readall())

    def delete(self, path: str) -> None:
        """Remove a file or a folder; nothing happens when it is not there."""
        info = self._fs.get_file_info(f"{self._root}/{path}")
        if info.type == pafs.FileType.Directory:
            self._fs.delete_dir(info.path)
        elif info.type == pafs.FileType.File:
            self._fs.delete_file(info.path)

    def names(self, path: str) -> list[str]:
        """Return the names of the files and folders in a folder, sorted; empty without a folder."""
        selector = pafs.FileSelector(f"{self._root}/{path}", allow_not_found=True)
        return sorted(info.base_name for info in self._fs.get_file_info(selector) if not info.base_name.startswith("."))

    def size(self, path: str) -> int:
        """Return bytes of a file, or of all files under a folder; 0 when there is nothing."""
        info = self._fs.get_file_info(f"{self._root}/{path}")
        if info.type != pafs.FileType.Directory:
            return info.size or 0
        return sum(i.size or 0 for i in self._fs.get_file_info(pafs.FileSelector(info.path, recursive=True)))

    def upload(self, folder: Path, path: str) -> None:
        """Copy a local folder; the copy's name appears when it is complete (locally; object stores: file by file)."""
        target = f"{self._root}/{path}"
        if self._local:
            part = Path(target).with_name(f".part-{Path(target).name}")
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(folder, part)
            shutil.rmtree(target, ignore_errors=True)
            os.replace(part, target)
            return
        pafs.copy_files(str(folder), target, source_filesystem=pafs.LocalFileSystem(), destination_filesystem=self._fs)

    def download(self, path: str, folder: Path) -> bool:
        """Copy a folder to a local one; return False when there is none."""
        if self._fs.get_file_info(f"{self._root}/{path}").type != pafs.FileType.Directory:
            return False
        pafs.copy_files(
            f"{self._root}/{path}",
            str(folder),
            source_filesystem=self._fs,
            destination_filesystem=pafs.LocalFileSystem(),
        )
        return True


def is_no_space(problem: BaseException | None) -> bool:
    """Return whether an exception, or one that caused it, says that a disk is full."""
    seen: set[int] = set()  # causes may lead round in a circle
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        if isinstance(problem, OSError) and problem.errno in NO_SPACE:
            return True
        if any(words in message_of(problem) for words in NO_SPACE_WORDS):
            return True
        problem = problem.__cause__ or problem.__context__
    return False
