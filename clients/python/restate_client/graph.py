"""Prints what is derived from what, for Graphviz.

Usage: python3 -m restate_client.graph [HOST:PORT] | dot -Tsvg > graph.svg
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from restate_client.deriving import DerivationInfo
from restate_client.sync_controller import ControllerSync


def to_dot(derivations: Iterable[DerivationInfo]) -> str:
    """Returns the graph: destinations are boxes, errors red, late ones dashed."""
    derivations = list(derivations)
    dests = {info.dest for info in derivations}
    edges = {
        (read, info.dest)
        for info in derivations
        for read in (*info.reads, *info.upstream)
    }
    lines = ["digraph derivations {", "  rankdir=LR;"]
    for source in sorted({source for source, _ in edges} - dests):
        lines.append(f"  {_quoted(source)} [shape=plaintext];")
    for info in derivations:
        lines.append(
            f"  {_quoted(info.dest)} [shape=box, label="
            f"{_quoted(info.dest, info.kind + ', ' + info.status)}"
            f"{_STYLES.get(info.status, '')}];"
        )
    for source, dest in sorted(edges):
        lines.append(f"  {_quoted(source)} -> {_quoted(dest)};")
    return "\n".join([*lines, "}"])


_STYLES = {
    "error": ", color=red",
    "stale": ", style=dashed",
    "over_budget": ", style=dashed",
}


def _quoted(*lines: object) -> str:
    escaped = (
        str(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines
    )
    return '"' + "\\n".join(escaped) + '"'


def main() -> None:
    address = sys.argv[1] if len(sys.argv) > 1 else "localhost:7420"
    with ControllerSync(address) as controller:
        print(to_dot(controller.list_derivations()))


if __name__ == "__main__":
    main()
