"""Writes that are kept in memory, and brought to files now and then.

Usage: caching.py [HOST:PORT [DIRECTORY]]
"""

import pathlib
import sys
import tempfile

from restate_client import CachingBackend, ControllerSync, FileSystemBackend

address = sys.argv[1] if len(sys.argv) > 1 else "localhost:7420"
# On the server's machine, which is this one.
directory = sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp()
state = pathlib.Path(directory) / "state"

controller = ControllerSync(address)
controller.mount(
    "/cached",
    CachingBackend(
        FileSystemBackend(str(state)),
        flush_interval=3600,  # Seconds between two flushes
        flush_on_read=False,  # Reads do not ask for one
        flush_on_write=True,  # Writes do
        flush_on_delete=True,  # Deletions do
    ),
)


def waiting() -> int:
    return next(
        mount.pending_writes
        for mount in controller.list_mounts()
        if str(mount.path) == "/cached"
    )


controller.set_state("/cached/theme", "dark")
controller.set_state("/cached/size", 12)
print(controller.get_state("/cached"))
print("waiting:", waiting(), "in a file:", (state / "theme.json").exists())

controller.flush("/cached")
print("waiting:", waiting(), "in a file:", (state / "theme.json").exists())

# An unmount flushes too.
controller.set_state("/cached/size", 14)
controller.unmount("/cached")
print("size.json:", (state / "size.json").read_text().strip())

controller.close()
