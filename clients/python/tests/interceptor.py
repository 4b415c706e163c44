"""A process that intercepts: stops what is even, and leaves -1 unanswered.

Usage: interceptor.py HOST:PORT PATH
Prints "ready" when it is subscribed, and "holding" when it was told of -1. Ends
with its standard input.
"""

import sys
import threading

from restate_client import ControllerSync


def on_event(event):
    if event.new_value == -1:
        print("holding", flush=True)
        threading.Event().wait()
    if event.new_value % 2 == 0:
        event.stop_bubbling()


address, path = sys.argv[1:]
controller = ControllerSync(address)
controller.subscribe(path, on_event, intercepting=True)
print("ready", flush=True)
sys.stdin.read()
