"""One stranger, in a process of its own and from an address of its own.

Started by strangers.py. Ends when its input does, and then prints, as JSON, how
its calls ended and what it was answered.
"""

import collections
import json
import os
import random
import sys
import threading

import grpc

import kinds
from calls import Connection


class Ledger:
    """What was sent to each path last, and what was answered last."""

    def __init__(self):
        self._paths = {}

    def sent(self, path, number):
        self._paths.setdefault(path, [0, 0])[1] = number

    def answered(self, path, number):
        self._paths[path][0] = number

    def paths(self):
        return self._paths


class Stranger:
    """Does one kind of thing again and again."""

    def __init__(self, address, kind, number, seed, files):
        self.address = address
        self.home = f"/strangers/{kind}{number}"
        self.files = files
        self.random = random.Random(seed)
        self.server = Connection(address)
        self.ledger = Ledger()
        self.codes = collections.Counter()
        self._kind = kinds.KINDS[kind]
        self._number = 0
        self._over = threading.Event()

    def next_number(self):
        self._number += 1
        return self._number

    def pause(self, seconds):
        self._over.wait(seconds * self.random.uniform(0.5, 1.5))

    def end(self):
        self._over.set()

    def run(self):
        while not self._over.is_set():
            try:
                self._kind(self)
                self.codes["OK"] += 1
            except grpc.RpcError as error:
                self.codes[error.code().name] += 1
                # As patient as a client that means no good.
                self.pause(0.05)


def main():
    # The others come first, on the few processors that there are.
    os.nice(10)
    address, kind, number, seed, files = sys.argv[1:]
    stranger = Stranger(address, kind, int(number), int(seed), files)

    def wait_for_the_end():
        sys.stdin.read()
        stranger.end()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    stranger.run()
    json.dump(
        {"codes": stranger.codes, "ledger": stranger.ledger.paths()},
        sys.stdout,
    )
    sys.stdout.flush()
    # Without waiting for what it left behind.
    os._exit(0)


main()
