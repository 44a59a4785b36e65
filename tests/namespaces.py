"""Processes in namespaces of their own: a network that has loopback alone, a small disk.

As a script, ``python -P namespaces.py COMMAND...`` runs a command where only loopback exists, or ends with FORBIDDEN.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
FORBIDDEN = 77


def in_namespace(kind: int) -> bool:
    """Moves this process, which must have one thread, to a namespace of its own; false where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0 and libc.unshare(kind) == 0:
        return True
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER | kind) != 0:
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    except OSError:
        return False
    return True


def mount_small(folder: Path, size: str) -> bool:
    """Mounts a small file system in memory for this process alone; false where that is not allowed."""
    if not in_namespace(CLONE_NEWNS):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    private = 0x40000 | 0x4000  # MS_PRIVATE | MS_REC: the mount stays in this namespace
    libc.mount(b"none", b"/", None, private, None)
    return bool(libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, f"size={size}".encode()) == 0)


def raise_loopback() -> bool:
    """Brings up the loopback device of a new network namespace."""
    request = struct.pack("16sh22x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        try:
            fcntl.ioctl(device, 0x8914, request)  # SIOCSIFFLAGS
        except OSError:
            return False
    return True


def listening_addresses(pid: int) -> set[str]:
    """The addresses at which anything in a process's own network listens; none in the network of this process."""
    process, found = Path(f"/proc/{pid}"), set()
    try:
        if (process / "ns/net").readlink() == Path("/proc/self/ns/net").readlink():
            return set()
        for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
            for line in (process / "net" / name).read_text().splitlines()[1:]:
                local, state = line.split()[1], line.split()[3]
                if state == "0A":
                    packed = bytes.fromhex(local.partition(":")[0])
                    words = [packed[i : i + 4][::-1] for i in range(0, len(packed), 4)]  # in the machine's order
                    found.add(socket.inet_ntop(family, b"".join(words)))
    except OSError:  # the process has ended
        pass
    return found


if __name__ == "__main__":
    if not in_namespace(CLONE_NEWNET) or not raise_loopback():
        sys.exit(FORBIDDEN)
    os.execvp(sys.argv[1], sys.argv[1:])
