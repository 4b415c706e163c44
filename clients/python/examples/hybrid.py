"""Different storage at different paths.

Usage: hybrid.py [HOST:PORT [DIRECTORY]]
"""

import sys
import tempfile

from restate_client import (
    ControllerSync,
    FileSystemBackend,
    InMemoryBackend,
)

address = sys.argv[1] if len(sys.argv) > 1 else "localhost:7420"
# On the server's machine, which is this one.
directory = sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp()

controller = ControllerSync(address)
controller.set_state("/app/persistent", "hidden while something is mounted")

controller.mount("/app", InMemoryBackend())
controller.mount("/app/persistent", FileSystemBackend(directory + "/state"))

# In memory.
controller.set_state("/app/temporary", "volatile")
# In a file.
controller.set_state("/app/persistent/important", "saved to disk")

# One tree, at one revision.
print(controller.get_state("/app"))
for mount in controller.list_mounts():
    if not mount.configured:
        print(mount.path, type(mount.backend).__name__, mount.state.value)

controller.unmount("/app/persistent")
print(controller.get_state("/app"))
controller.unmount("/app")
print(controller.get_state("/app"))

# What was saved is there for the next mount.
controller.mount("/again", FileSystemBackend(directory + "/state"))
print(controller.get_state("/again/important"))
controller.unmount("/again")

controller.close()
