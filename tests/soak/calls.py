"""A connection to the server, and the few requests that the soak makes."""

import grpc

from restate_client.wire import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    derivation_service_pb2_grpc,
    event_service_pb2_grpc,
    mount_pb2,
    path_pb2,
    state_service_pb2,
    state_service_pb2_grpc,
    value_pb2,
)

OPTIONS = [
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
    # Connections of its own.
    ("grpc.use_local_subchannel_pool", 1),
    # What is refused is seen.
    ("grpc.enable_retries", 0),
]


class Connection:
    """The stubs of one channel."""

    def __init__(self, address, options=()):
        self.channel = grpc.insecure_channel(
            address, OPTIONS + list(options)
        )
        self.state = state_service_pb2_grpc.StateServiceStub(self.channel)
        self.events = event_service_pb2_grpc.EventServiceStub(self.channel)
        self.derivations = derivation_service_pb2_grpc.DerivationServiceStub(
            self.channel
        )
        self.admin = admin_service_pb2_grpc.AdminServiceStub(self.channel)

    def close(self):
        self.channel.close()

    def set(self, path, value, timeout=10):
        return self.state.SetState(
            state_service_pb2.SetStateRequest(
                path=path_of(path), value=value_of(value)
            ),
            timeout=timeout,
        )

    def get(self, path, timeout=10):
        """The int at a path; None if there is nothing."""
        answer = self.state.GetState(
            state_service_pb2.GetStateRequest(
                path=path_of(path), encoding=value_pb2.VALUE_ENCODING_TYPED
            ),
            timeout=timeout,
        )
        return answer.value.int_value if answer.exists else None

    def delete(self, path, timeout=60):
        return self.state.DeleteState(
            state_service_pb2.DeleteStateRequest(path=path_of(path)),
            timeout=timeout,
        )

    def mounts_by_rpc(self):
        listed = self.admin.ListMounts(
            admin_service_pb2.ListMountsRequest(), timeout=10
        )
        return [
            mount.spec.path.text
            for mount in listed.mounts
            if mount.source == mount_pb2.MOUNT_SOURCE_RPC
        ]


def path_of(text):
    return path_pb2.Path(text=text)


def value_of(value):
    """A Value of an int, a string, bytes or a dict of such."""
    if isinstance(value, int):
        return value_pb2.Value(int_value=value)
    if isinstance(value, str):
        return value_pb2.Value(string_value=value)
    if isinstance(value, bytes):
        return value_pb2.Value(bytes_value=value)
    message = value_pb2.Value(map_value=value_pb2.MapValue())
    for key, item in value.items():
        message.map_value.fields[key].CopyFrom(value_of(item))
    return message
