"""Messages as the server sends them."""

from restate_client.wire import event_pb2
from restate_client.wire import event_service_pb2 as pb
from restate_client.wire.path_pb2 import Path, PathPattern


def event(
    revision,
    emitting,
    current=None,
    index=0,
    kind=event_pb2.EVENT_KIND_SET,
):
    """Returns an event of `emitting`, delivered at `current`."""
    return event_pb2.Event(
        revision=revision,
        index=index,
        kind=kind,
        emitting_path=Path(text=emitting),
        current_path=Path(text=current or emitting),
        pattern=PathPattern(text=current or emitting),
    )


def events(callback_id, subscription_id, batch):
    """Returns the stream's message with one run of events."""
    run = pb.CallbackEvents(
        callback_id=callback_id, subscription_id=subscription_id, batch=batch
    )
    return pb.OpenSessionResponse(events=pb.SessionEvents(runs=[run]))


def opened(session_id="s", resumed=False, epoch="e"):
    return pb.SessionOpened(session_id=session_id, resumed=resumed, epoch=epoch)
