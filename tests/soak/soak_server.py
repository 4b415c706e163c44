"""restated as a child process, with a wall clock that can be set."""

import mmap
import os
import signal
import struct
import subprocess

CONFIG = """\
# Small caches, so that what is measured is not how they fill.
limits:
  block_cache_bytes: 8388608
  write_buffer_bytes: 2097152
  last_changes_bytes: 8388608
  request_ids_bytes: 1048576
  history_bytes: 67108864
mounts:
  - {{path: /, backend: rocksdb}}
  - {{path: /tmp, backend: memory}}
  - {{path: /files, backend: filesystem, serializer: yaml, directory: "{files}"}}
mounts_by_rpc:
  addresses: ["127.0.0.1:1"]
  at_most: 20
"""


class SoakServer:
    """restated on a port of 127.0.0.1 that it keeps over restarts."""

    def __init__(self, scratch):
        self.files = os.path.join(scratch, "files")
        os.mkdir(self.files)
        self._data = os.path.join(scratch, "data")
        self._config = os.path.join(scratch, "restated.yaml")
        with open(self._config, "w", encoding="utf-8") as config:
            config.write(CONFIG.format(files=self.files))
        self.log = os.path.join(scratch, "log")
        self._clock = os.path.join(scratch, "clock")
        with open(self._clock, "wb") as clock:
            clock.write(struct.pack("q", 0))
        with open(self._clock, "r+b") as clock:
            self._shift = mmap.mmap(clock.fileno(), 8)
        self._process = None
        self.address = "127.0.0.1:0"

    def start(self):
        environment = dict(
            os.environ,
            LD_PRELOAD=os.environ["SHIFTED_CLOCK"],
            RESTATE_CLOCK_SHIFT=self._clock,
        )
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [
                    os.environ["RESTATED"],
                    "--data-dir",
                    self._data,
                    "--config",
                    self._config,
                    "--listen",
                    self.address,
                    "--http-listen",
                    "off",
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                text=True,
            )
        line = self._process.stdout.readline()
        if not line.startswith("listening grpc="):
            raise RuntimeError(f"restated did not start; see {self.log}")
        self.address = line.split("grpc=")[1].split()[0]

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()

    def alive(self):
        return self._process.poll() is None

    def set_clock(self, seconds):
        """The wall clock, so many seconds ahead of the machine's."""
        self._shift[:8] = struct.pack("q", seconds)

    def _status(self, field):
        with open(f"/proc/{self._process.pid}/status", encoding="utf-8") as f:
            for line in f:
                if line.startswith(field):
                    return int(line.split()[1])
        return 0

    def resident_bytes(self):
        return self._status("VmRSS:") * 1024

    def threads(self):
        return self._status("Threads:")
