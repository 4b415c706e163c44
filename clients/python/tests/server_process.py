"""The real server, as a child process."""

import os
import signal
import subprocess
import tempfile
import unittest

# Where tests put their directories, and calls may mount them.
SCRATCH = os.environ.get("TEST_TMPDIR", tempfile.gettempdir())


class ServerProcess:
    """restated on a port of 127.0.0.1 that it keeps over restarts.

    Args:
      data_dir: where it keeps its data; None: nowhere, all in memory.
    """

    def __init__(self, data_dir=None):
        self._arguments = ["--data-dir", data_dir] if data_dir else []
        # Removed with this.
        self._config = tempfile.NamedTemporaryFile(
            "w", suffix=".yaml", dir=SCRATCH
        )
        self._config.write(f'mounts_by_rpc: {{directories: ["{SCRATCH}"]}}\n')
        self._config.flush()
        self._process = None
        self.address = "127.0.0.1:0"
        self.start()

    def start(self):
        """Starts it, on the same port and data as before."""
        self._process = subprocess.Popen(
            [
                os.environ["RESTATED"],
                "--listen",
                self.address,
                "--http-listen",
                "off",
                "--config",
                self._config.name,
                *self._arguments,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self._process.stdout.readline()
        if not line.startswith("listening grpc="):
            raise RuntimeError(f"restated did not start: {line!r}")
        self.address = line.split("grpc=")[1].split()[0]

    def kill(self):
        """SIGKILL, and waits until it is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process.stdout.close()
            self._process = None


class ServerTest(unittest.TestCase):
    """A case with a server of its own, all in memory unless `durable`."""

    durable = False

    def setUp(self):
        data_dir = None
        if self.durable:
            directory = tempfile.TemporaryDirectory(
                dir=os.environ.get("TEST_TMPDIR")
            )
            self.addCleanup(directory.cleanup)
            data_dir = directory.name
        self.server = ServerProcess(data_dir)
        self.addCleanup(self.server.kill)
