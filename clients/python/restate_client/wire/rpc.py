"""google.rpc.Status and ErrorInfo.

A process can hold only one definition of them, so the one of
googleapis-common-protos is taken where it is installed.
"""

try:
    from google.rpc import error_details_pb2, status_pb2
except ImportError:
    from restate_client.wire.google_rpc import error_details_pb2, status_pb2

__all__ = ["error_details_pb2", "status_pb2"]
