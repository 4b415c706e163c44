"""The examples print what their readers expect."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from restate_client import ControllerSync
from server_process import ServerProcess, ServerTest

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
DEADLINE = 60


class ExamplesTest(ServerTest):
    def check(self, name, *arguments):
        run = subprocess.run(
            [
                sys.executable,
                EXAMPLES / f"{name}.py",
                self.server.address,
                *arguments,
            ],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(
            run.stdout, (EXAMPLES / f"{name}.expected").read_text()
        )

    def test_quick_start(self):
        self.check("quick_start")

    def test_subscriptions(self):
        self.check("subscriptions")

    def test_callback_id(self):
        self.check("callback_id")

    def test_event_bubbling(self):
        self.check("event_bubbling")

    def test_event_properties(self):
        self.check("event_properties")

    def test_pings(self):
        self.check("pings")

    def check_with_directory(self, name):
        with tempfile.TemporaryDirectory(
            dir=os.environ.get("TEST_TMPDIR")
        ) as directory:
            self.check(name, directory)

    def test_filesystem(self):
        self.check_with_directory("filesystem")

    def test_hybrid(self):
        self.check_with_directory("hybrid")

    def test_caching(self):
        self.check_with_directory("caching")

    def test_derived_state(self):
        self.check("derived_state")

    def test_tracking(self):
        self.check("tracking")

    def test_async_support(self):
        self.check("async_support")

    def test_backup(self):
        with ControllerSync(self.server.address) as controller:
            controller.set_state("/a", {"b": [1, None], "c": "x" * 300_000})
        other = ServerProcess()
        self.addCleanup(other.kill)
        with tempfile.TemporaryDirectory() as directory:
            file = f"{directory}/tree.backup"

            def run(*arguments):
                return subprocess.run(
                    [sys.executable, EXAMPLES / "backup.py", *arguments],
                    capture_output=True,
                    text=True,
                    timeout=DEADLINE,
                )

            saved = run("save", file, self.server.address)
            self.assertEqual(saved.stdout, "saved 2 values\n", saved.stderr)
            restored = run("restore", file, other.address)
            self.assertEqual(
                restored.stdout, "restored 2 values\n", restored.stderr
            )
            again = run("restore", file, other.address)
            self.assertEqual(again.returncode, 1)
            self.assertIn("FAILED_PRECONDITION", again.stderr)
        with ControllerSync(other.address) as controller:
            self.assertEqual(
                controller.get_state("/a"), {"b": [1, None], "c": "x" * 300_000}
            )

    def test_every_example_is_checked(self):
        tested = {name.removeprefix("test_") for name in dir(self)}
        for example in EXAMPLES.glob("*.py"):
            self.assertIn(example.stem, tested)


if __name__ == "__main__":
    unittest.main()
