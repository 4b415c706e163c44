"""Ten minutes among strangers.

Starts restated, and beside it clients from 127.0.0.2 and on that do what the
worst bug reports tell of: kinds.py. Another client, from 127.0.0.1, writes and
reads every 20 ms, and must not notice them. Meanwhile the wall clock of the
server is set to and fro. In the end the server is killed.

Prints the figures, and exits with 1 if
  - the other client was ever refused, or was given what it did not write;
  - its p99 is more than 5 times what it is without the strangers;
  - the server takes over 20 % more memory than before, once it is quiet again;
  - anything that was answered is gone after the kill.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time

from calls import Connection
from kinds import KINDS, tidy
from soak_server import SoakServer

HERE = os.path.dirname(os.path.abspath(__file__))
MOST_TIMES_QUIET = 5
MOST_MEMORY = 1.2
# How long memory may take to come back: sessions have a minute of grace.
MEMORY_PATIENCE = 180
SESSION_GRACE = 65
CLOCK_STEP = 3600
LAST_SECONDS = 3


class Worker:
    """A process that is told to end by the end of its input."""

    def __init__(self, script, *arguments, environment=None):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(os.environ, GRPC_VERBOSITY="NONE", **(environment or {})),
            text=True,
        )

    def end(self):
        """What it printed; {} if it was lost."""
        self.process.stdin.close()
        text = self.process.stdout.read()
        self.process.wait()
        self.process.stdout.close()
        return json.loads(text) if text else {}


class Probe:
    """probe.py."""

    def __init__(self, address):
        self._worker = Worker("probe.py", address)

    def begin(self, phase):
        self._say(phase)

    def end_phase(self):
        self._say("")
        return json.loads(self._worker.process.stdout.readline())

    def stop(self):
        self._say("")
        self._worker.process.wait()

    def _say(self, line):
        self._worker.process.stdin.write(line + "\n")
        self._worker.process.stdin.flush()


class Strangers:
    """All of them, two of each kind."""

    def __init__(self, server, seed, kinds):
        self._workers = []
        source = 2
        for number in (0, 1):
            for kind in kinds:
                self._workers.append(
                    (
                        kind,
                        Worker(
                            "stranger.py",
                            server.address,
                            kind,
                            str(number),
                            str(seed + source),
                            server.files,
                            environment={
                                "LD_PRELOAD": os.environ["SOURCE_ADDRESS"],
                                "RESTATE_SOURCE_ADDRESS": f"127.0.0.{source}",
                            },
                        ),
                    )
                )
                source += 1

    def end(self):
        """How the calls of each kind ended, and what was answered."""
        codes, ledger = {}, {}
        for kind, worker in self._workers:
            said = worker.end()
            for code, count in said.get("codes", {}).items():
                of_kind = codes.setdefault(kind, {})
                of_kind[code] = of_kind.get(code, 0) + count
            ledger.update(said.get("ledger", {}))
        return codes, ledger


class Soak:
    """The phases, one after the other, and what they came to."""

    def __init__(self, options, scratch):
        self.options = options
        self.random = random.Random(options.seed)
        self.server = SoakServer(scratch)
        self.server.start()
        self.probe = Probe(self.server.address)
        self.problems = []

    def check(self, holds, what):
        print(("ok      " if holds else "FAILED  ") + what, flush=True)
        if not holds:
            self.problems.append(what)

    def run(self):
        self._warm_up()
        quiet = self._quiet(self.options.quiet)
        memory = self.server.resident_bytes()
        threads = self.server.threads()
        loaded = self._among_strangers()
        self._compare(quiet, loaded)
        if not self.server.alive():
            return
        self._compare_memory(memory, threads)
        self._kill()
        self.probe.stop()

    def _warm_up(self):
        """What is filled once, as caches are, is filled before anything is
        measured; what strangers leave behind is gone again."""
        strangers = Strangers(
            self.server, self.options.seed + 500, self.options.kinds
        )
        time.sleep(self.options.warm_up)
        strangers.end()
        self._tidy()
        time.sleep(SESSION_GRACE)

    def _tidy(self):
        server = Connection(self.server.address)
        tidy(server, "/strangers")
        server.close()

    def _quiet(self, seconds):
        self.probe.begin("quiet")
        time.sleep(seconds)
        report = self.probe.end_phase()
        self._show("quiet", report)
        return report

    def _among_strangers(self):
        strangers = Strangers(
            self.server, self.options.seed, self.options.kinds
        )
        self.probe.begin("strangers")
        end = time.monotonic() + self.options.seconds
        while time.monotonic() < end and self.server.alive():
            time.sleep(min(5, max(0, end - time.monotonic())))
            self.server.set_clock(
                self.random.choice([0, -CLOCK_STEP, CLOCK_STEP])
            )
        self.server.set_clock(0)
        report = self.probe.end_phase()
        self._show("among strangers", report)
        codes, _ = strangers.end()
        for kind, of_kind in sorted(codes.items()):
            print(f"        {kind}: {of_kind}")
        return report

    def _show(self, name, report):
        print(
            f"        {name}: {report['calls']} calls, "
            f"p50 {report['p50'] * 1e3:.2f} ms, "
            f"p99 {report['p99'] * 1e3:.2f} ms, "
            f"longest {report['longest'] * 1e3:.0f} ms, "
            f"{report['refusals']} refused {report['refused'][:2]}",
            flush=True,
        )

    def _compare(self, quiet, loaded):
        self.check(self.server.alive(), "the server lives")
        self.check(
            loaded["calls"] > 0 and loaded["refusals"] == 0,
            f"the probe was refused {loaded['refusals']} times",
        )
        times = loaded["p99"] / quiet["p99"]
        self.check(
            times <= MOST_TIMES_QUIET,
            f"its p99 is {times:.1f} times that of the quiet",
        )

    def _compare_memory(self, before, threads_before):
        self._tidy()
        end = time.monotonic() + MEMORY_PATIENCE
        while (
            self.server.resident_bytes() > MOST_MEMORY * before
            and time.monotonic() < end
        ):
            time.sleep(1)
        after = self.server.resident_bytes()
        self.check(
            after <= MOST_MEMORY * before,
            f"memory: {before >> 20} MiB before, {after >> 20} MiB after",
        )
        print(
            f"        threads: {threads_before} before, "
            f"{self.server.threads()} after"
        )

    def _kill(self):
        strangers = Strangers(
            self.server, self.options.seed + 1000, ["well_behaved"]
        )
        self.probe.begin("the end")
        time.sleep(LAST_SECONDS)
        self.server.kill()
        probed = self.probe.end_phase()["ledger"]
        _, ledger = strangers.end()
        ledger.update(probed)
        self.server.start()
        server = Connection(self.server.address)
        lost = []
        for path, (answered, sent) in ledger.items():
            found = server.get(path)
            # A path that was answered nothing yet holds what it held before.
            if answered and not (found and answered <= found <= sent):
                lost.append(f"{path}: {answered} was answered, {found} is there")
        self.check(
            not lost and len(ledger) > 0,
            f"of {len(ledger)} paths {len(lost)} have lost what was answered "
            f"{lost[:3]}",
        )
        server.close()
        self.server.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--warm_up", type=int, default=60)
    parser.add_argument("--quiet", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), metavar="KIND")
    options = parser.parse_args()
    print(f"        seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="restate-soak-") as scratch:
        soak = Soak(options, scratch)
        try:
            soak.run()
        finally:
            if soak.server.alive():
                soak.server.kill()
            if soak.problems:
                with open(soak.server.log, encoding="utf-8") as log:
                    print("the server said last:\n" + log.read()[-3000:])
    return 1 if soak.problems else 0


sys.exit(main())
