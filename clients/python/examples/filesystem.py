"""State in files that people may read and edit.

Usage: filesystem.py [HOST:PORT [DIRECTORY]]
"""

import pathlib
import sys
import tempfile

from restate_client import ControllerSync, FileSystemBackend, StateEvent

address = sys.argv[1] if len(sys.argv) > 1 else "localhost:7420"
# On the server's machine, which is this one.
directory = sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp()
state = pathlib.Path(directory) / "state"

controller = ControllerSync(address)
controller.mount("/files", FileSystemBackend(str(state)))

controller.set_state("/files/config/theme", "dark")
controller.set_state("/files/config/colors/primary", "#FF0000")
controller.set_state("/files/config/colors/secondary", "#00FF00")
controller.flush("/files")


def show(place: pathlib.Path, indent: str = "") -> None:
    # Dot names are the server's own. Files come before directories.
    for entry in sorted(place.iterdir(), key=lambda e: (e.is_dir(), e.name)):
        if not entry.name.startswith("."):
            print(f"{indent}{entry.name}{'/' if entry.is_dir() else ''}")
            if entry.is_dir():
                show(entry, indent + "    ")


print("state/")
show(state, "    ")
print("theme.json:", (state / "config" / "theme.json").read_text().strip())


def on_change(event: StateEvent[ControllerSync]) -> None:
    print(f"{event.emitting_path} is {event.new_value!r} now")


# Somebody edits a file: an event like any other.
done = []
controller.subscribe("/files/config", on_change)
controller.subscribe("/files", done.append)
(state / "config" / "theme.json").write_text('"light"\n')
while not done:
    controller.wait_for_callbacks()

controller.unmount("/files")
print(controller.get_state("/files", default="unmounted"))

controller.close()
