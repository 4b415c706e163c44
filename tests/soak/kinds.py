"""What strangers do, a function for each kind of them.

Each takes a Stranger (stranger.py) and does one thing; the Stranger calls it
again and again until its time is over. What the server answers may be anything
with a code: a stranger that is refused has no reason to complain.
"""

import os

import grpc
from google.protobuf import duration_pb2

from calls import Connection, path_of, value_of
from restate_client.wire import (
    admin_service_pb2,
    derivation_service_pb2,
    event_service_pb2,
    mount_pb2,
    path_pb2,
    state_service_pb2,
)

HUGE_LEAF = 900_000
HUGE_MAP = 99_000


def well_behaved(stranger):
    """Reads and writes its own, follows it, and gives back what it took."""
    key = f"{stranger.home}/{stranger.random.randrange(50)}"
    sent = stranger.next_number()
    stranger.ledger.sent(key, sent)
    stranger.server.set(key, sent)
    stranger.ledger.answered(key, sent)
    stranger.server.get(key)
    if stranger.random.random() < 0.05:
        stream = stranger.server.events.Subscribe(
            event_service_pb2.SubscribeRequest(
                patterns=[path_pb2.PathPattern(text=stranger.home + "/*")],
                snapshot=event_service_pb2.StartSnapshot(),
            ),
            timeout=20,
        )
        next(stream)
        stream.cancel()
    stranger.pause(0.02)


def abandoning(stranger):
    """Opens sessions and streams, and goes away without closing them."""
    server = Connection(stranger.address, [("grpc.http2.bdp_probe", 0)])
    streams = [
        server.events.OpenSession(event_service_pb2.OpenSessionRequest())
        for _ in range(50)
    ] + [
        server.events.Subscribe(
            event_service_pb2.SubscribeRequest(
                patterns=[path_pb2.PathPattern(text="/*/*")]
            )
        )
        for _ in range(20)
    ]
    # Long enough to be let in; what they are told is not read.
    stranger.pause(0.5)
    for stream in streams:
        stream.cancel()
    server.close()


RUNAWAYS = [
    "while true do end",
    "local t = 0 for i = 1, 480000 do t = t + i end return t",
    "local t = {} while true do t[#t + 1] = {} end",
    "return string.rep('x', 10000000)",
    "error('no')",
]


def runaway(stranger):
    """Derives from everybody's paths what never ends, and writes its source."""
    number = stranger.random.randrange(40)
    stranger.server.derivations.Derive(
        derivation_service_pb2.DeriveRequest(
            dest=path_of(f"{stranger.home}/derived/{number}"),
            sources=[
                path_of(stranger.random.choice(["/probe", stranger.home + "/s"]))
            ],
            lua=derivation_service_pb2.LuaTransform(
                parameters=["source"],
                source=stranger.random.choice(RUNAWAYS),
            ),
        ),
        timeout=20,
    )
    stranger.server.set(stranger.home + "/s", stranger.next_number(), timeout=20)
    stranger.pause(0.1)


def huge(stranger):
    """Writes and reads what is as large as it may be."""
    kind = stranger.random.randrange(4)
    place = f"{stranger.home}/{stranger.random.randrange(3)}"
    if kind == 0:
        stranger.server.set(place, b"x" * HUGE_LEAF, timeout=60)
    elif kind == 1:
        stranger.server.set(
            place,
            {f"k{i}": i for i in range(HUGE_MAP)},
            timeout=60,
        )
    elif kind == 2:
        stranger.server.state.GetState(
            state_service_pb2.GetStateRequest(path=path_of(stranger.home)),
            timeout=60,
        )
    else:
        stranger.server.delete(place)
    stranger.pause(0.2)


def leasing(stranger):
    """Writes very many paths whose time is over at one moment."""
    for first in range(0, 3000, 500):
        stranger.server.state.Commit(
            state_service_pb2.CommitRequest(
                operations=[
                    state_service_pb2.Operation(
                        set=state_service_pb2.SetOperation(
                            path=path_of(f"{stranger.home}/{first + i}"),
                            value=value_of(i),
                            ttl=duration_pb2.Duration(seconds=2),
                        )
                    )
                    for i in range(500)
                ]
            ),
            timeout=60,
        )
    stranger.pause(2)


FILES = [
    '"dark",\n',
    '{"a": [1, 2, 3]}\n',
    "a: &a [x, x]\nb: [*a, *a, *a]\n",
    "&a [*a]\n",
    "!!python/object:os.system {}\n",
    "text\0behind\n",
    "\xff\xfe",
    "[" * 10_000,
    "1",
]


def file_editing(stranger):
    """Types into the directory of a mount what people type, and worse."""
    name = stranger.random.choice(["a", "b/c", "README", "x%2Fy", "deep/er/d"])
    suffix = stranger.random.choice([".yaml", ".yaml", ".json", ""])
    file = os.path.join(stranger.files, name + suffix)
    try:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        if stranger.random.random() < 0.2:
            os.remove(file)
        else:
            with open(file, "wb") as out:
                text = stranger.random.choice(FILES)
                out.write(text.encode("latin-1"))
    except OSError:
        # Something else is in its place: that is part of it.
        pass
    stranger.server.set(
        f"/files/{stranger.random.choice(['a', 'b', 'README/x'])}",
        stranger.next_number(),
    )
    stranger.pause(0.2)


def mounting(stranger):
    """Mounts what it may and what it may not, and unmounts."""
    path = f"{stranger.home}/m{stranger.random.randrange(8)}"
    if stranger.random.random() < 0.5:
        stranger.server.admin.Unmount(
            admin_service_pb2.UnmountRequest(
                path=path_of(path), discard_unapplied=True
            ),
            timeout=20,
        )
    else:
        spec = mount_pb2.MountSpec(path=path_of(path))
        kind = stranger.random.randrange(5)
        if kind == 0:
            spec.memory.SetInParent()
        elif kind == 1:
            spec.rocksdb.SetInParent()
        elif kind == 2:
            spec.filesystem.directory = "/etc"
        elif kind == 3:
            # Allowed, and nobody there.
            spec.remote.address = "127.0.0.1:1"
        else:
            spec.remote.address = "127.0.0.1:22"
        stranger.server.admin.Mount(
            admin_service_pb2.MountRequest(mount=spec), timeout=20
        )
        stranger.server.set(path + "/x", 1)
    stranger.pause(0.1)


def tidy(server, home):
    """Takes away what strangers have left."""
    for mount in server.mounts_by_rpc():
        try:
            server.admin.Unmount(
                admin_service_pb2.UnmountRequest(
                    path=path_of(mount), discard_unapplied=True
                ),
                timeout=30,
            )
        except grpc.RpcError:
            pass
    token = ""
    while True:
        derived = server.derivations.ListDerivations(
            derivation_service_pb2.ListDerivationsRequest(page_token=token),
            timeout=60,
        )
        for derivation in derived.derivations:
            server.derivations.RemoveDerivation(
                derivation_service_pb2.RemoveDerivationRequest(
                    dest=derivation.definition.dest, ignore_missing=True
                ),
                timeout=60,
            )
        token = derived.next_page_token
        if not token:
            break
    server.delete(home, timeout=120)


KINDS = {
    kind.__name__: kind
    for kind in [
        well_behaved,
        abandoning,
        runaway,
        huge,
        leasing,
        file_editing,
        mounting,
    ]
}
