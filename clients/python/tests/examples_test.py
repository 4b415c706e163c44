"""The examples print what their readers expect."""

import pathlib
import subprocess
import sys
import unittest

from server_process import ServerTest

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
DEADLINE = 60


class ExamplesTest(ServerTest):
    def check(self, name):
        run = subprocess.run(
            [sys.executable, EXAMPLES / f"{name}.py", self.server.address],
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

    def test_async_support(self):
        self.check("async_support")

    def test_every_example_is_checked(self):
        tested = {name.removeprefix("test_") for name in dir(self)}
        for example in EXAMPLES.glob("*.py"):
            self.assertIn(example.stem, tested)


if __name__ == "__main__":
    unittest.main()
