#include "service/metrics/call_counters.h"

namespace restate {
namespace {

constexpr std::string_view kState = "restate.v1.StateService";
constexpr std::string_view kEvents = "restate.v1.EventService";
constexpr std::string_view kDerivations = "restate.v1.DerivationService";
constexpr std::string_view kAdmin = "restate.v1.AdminService";
constexpr std::string_view kBackend = "restate.v1.BackendService";

constexpr bool kStream = false;

constexpr std::array<RpcName, kRpcs> kNames = {{
    {kState, "GetState"},
    {kState, "BatchGetState"},
    {kState, "SetState"},
    {kState, "DeleteState"},
    {kState, "Ping"},
    {kState, "Commit"},
    {kState, "Write", kStream},
    {kState, "ListChildren"},
    {kState, "StreamState", kStream},
    {kEvents, "Subscribe", kStream},
    {kEvents, "OpenSession", kStream},
    {kEvents, "CloseSession"},
    {kEvents, "RegisterCallback"},
    {kEvents, "UnregisterCallback"},
    {kEvents, "SubscribeById"},
    {kEvents, "UnsubscribeById"},
    {kEvents, "ListSubscriptions"},
    {kEvents, "Acknowledge"},
    {kEvents, "Sync"},
    {kDerivations, "Derive"},
    {kDerivations, "RemoveDerivation"},
    {kDerivations, "ListDerivations"},
    {kDerivations, "CompleteTransform"},
    {kDerivations, "BeginRun"},
    {kDerivations, "EndRun"},
    {kDerivations, "StopTracker"},
    {kAdmin, "GetStatus"},
    {kAdmin, "Compact"},
    {kAdmin, "Backup", kStream},
    {kAdmin, "Restore", kStream},
    {kAdmin, "ListMounts"},
    {kAdmin, "Mount"},
    {kAdmin, "Unmount"},
    {kAdmin, "Flush"},
    {kBackend, "GetInfo"},
    {kBackend, "Scan"},
    {kBackend, "Apply"},
}};

constexpr std::array<std::string_view, kCodes> kCodeNames = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

}  // namespace

const RpcName& NameOf(Rpc rpc) { return kNames[static_cast<size_t>(rpc)]; }

std::string_view CodeName(size_t code) { return kCodeNames[code]; }

}  // namespace restate
