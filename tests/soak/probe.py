"""The client that must not notice the others: writes and reads every 20 ms.

Started by strangers.py, with a line of input for each phase: its name. An empty
line ends a phase; then it prints, as JSON in a line, how it went.
"""

import json
import os
import sys
import threading
import time

import grpc

from calls import Connection

INTERVAL = 0.02
KEYS = 20


class Phase:
    """The calls of one phase."""

    def __init__(self):
        self.seconds = []
        self.refused = []
        self.over = threading.Event()

    def report(self, ledger):
        seconds = sorted(self.seconds)

        def quantile(of):
            if not seconds:
                return 0
            return seconds[min(len(seconds) - 1, int(of * len(seconds)))]

        return {
            "calls": len(seconds),
            "p50": quantile(0.5),
            "p99": quantile(0.99),
            "longest": quantile(1),
            "refused": self.refused[:10],
            "refusals": len(self.refused),
            "ledger": ledger,
        }


def run(server, phase, ledger, first):
    number = first
    following = time.monotonic()
    while not phase.over.is_set():
        number += 1
        path = f"/probe/{number % KEYS}"
        ledger.setdefault(path, [0, 0])[1] = number
        for call in (lambda: server.set(path, number), lambda: server.get(path)):
            began = time.monotonic()
            try:
                answer = call()
            except grpc.RpcError as error:
                phase.refused.append(
                    f"{error.code().name}: {error.details()}"
                )
                break
            phase.seconds.append(time.monotonic() - began)
            if isinstance(answer, int) and answer != number:
                phase.refused.append(f"{path} reads {answer}, not {number}")
        else:
            ledger[path][0] = number
        following = max(following + INTERVAL, time.monotonic() - 1)
        phase.over.wait(max(0, following - time.monotonic()))
    return number


def main():
    server = Connection(sys.argv[1])
    number = 0
    while sys.stdin.readline().strip():
        phase = Phase()
        ledger = {}

        def wait_for_the_end(phase=phase):
            sys.stdin.readline()
            phase.over.set()

        waiting = threading.Thread(target=wait_for_the_end)
        waiting.start()
        number = run(server, phase, ledger, number)
        waiting.join()
        print(json.dumps(phase.report(ledger)), flush=True)
    os._exit(0)


main()
