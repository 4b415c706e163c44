#include "service/state/pinned_states.h"

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"

namespace restate {
namespace {

std::string RandomId() {
  std::random_device device;
  std::string id;
  while (id.size() < PinnedStates::kIdBytes) {
    const uint32_t bits = device();
    id.append(reinterpret_cast<const char*>(&bits), sizeof(bits));
  }
  return id;
}

}  // namespace

PinnedStates::PinnedStates(const Clock* clock, size_t max_pins,
                           size_t max_pins_of_client)
    : clock_(clock),
      max_pins_(max_pins),
      max_pins_of_client_(max_pins_of_client) {}

PinnedStates::Pins::iterator PinnedStates::FindOneToDrop(
    const ClientId& client) {
  size_t of_client = 0;
  auto oldest_of_client = pins_.end();
  auto oldest = pins_.end();
  for (auto it = pins_.begin(); it != pins_.end(); ++it) {
    const auto older = [&](Pins::iterator than) {
      return than == pins_.end() ||
             it->second.last_used < than->second.last_used;
    };
    if (older(oldest)) oldest = it;
    if (it->second.client != client) continue;
    ++of_client;
    if (older(oldest_of_client)) oldest_of_client = it;
  }
  if (client.bounded() && of_client >= max_pins_of_client_) {
    return oldest_of_client;
  }
  return pins_.size() >= max_pins_ ? oldest : pins_.end();
}

std::string PinnedStates::Pin(const ClientId& client, const Path& path,
                              std::shared_ptr<const PublishedState> state) {
  std::string id = RandomId();
  const absl::Duration now = clock_->Monotonic();
  // States are dropped without the lock: the last holder frees a whole tree.
  std::shared_ptr<const PublishedState> evicted;
  MutexLock lock(&mutex_);
  if (auto dropped = FindOneToDrop(client); dropped != pins_.end()) {
    evicted = std::move(dropped->second.state);
    pins_.erase(dropped);
  }
  pins_[id] = Entry{path, std::move(state), now, client};
  return id;
}

absl::StatusOr<std::shared_ptr<const PublishedState>> PinnedStates::Find(
    std::string_view id, const Path& path) {
  const absl::Duration now = clock_->Monotonic();
  MutexLock lock(&mutex_);
  const auto it = pins_.find(AbslView(id));
  if (it == pins_.end() || now - it->second.last_used > kPinTime) {
    return MakeError(Reason::kSnapshotExpired,
                     "the page token is older than 60 s, and what it showed is "
                     "gone: list again from the first page");
  }
  if (it->second.path != path) {
    return MakeError(
        Reason::kInvalidRequest,
        absl::StrCat("the page token is for ", it->second.path.ToText(),
                     " and not for ", path.ToText()));
  }
  it->second.last_used = now;
  return it->second.state;
}

void PinnedStates::DropExpired() {
  const absl::Duration now = clock_->Monotonic();
  std::vector<std::shared_ptr<const PublishedState>> dropped;
  MutexLock lock(&mutex_);
  for (auto it = pins_.begin(); it != pins_.end();) {
    auto entry = it++;
    if (now - entry->second.last_used > kPinTime) {
      dropped.push_back(std::move(entry->second.state));
      pins_.erase(entry);
    }
  }
}

void PinnedStates::DropAll() {
  Pins dropped;
  MutexLock lock(&mutex_);
  dropped.swap(pins_);
}

size_t PinnedStates::count() const {
  MutexLock lock(&mutex_);
  return pins_.size();
}

std::string EncodePageToken(std::string_view id, std::string_view last_name) {
  return absl::WebSafeBase64Escape(
      absl::StrCat(AbslView(id), AbslView(last_name)));
}

absl::StatusOr<PageToken> DecodePageToken(const std::string& text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(text, &bytes) ||
      bytes.size() <= PinnedStates::kIdBytes ||
      !ValidateSegment(bytes.substr(PinnedStates::kIdBytes)).ok()) {
    return MakeError(
        Reason::kInvalidRequest,
        "page_token is not one that this server gave: pass next_page_token of "
        "the answer before as it is, or nothing for the first page");
  }
  return PageToken{bytes.substr(0, PinnedStates::kIdBytes),
                   bytes.substr(PinnedStates::kIdBytes)};
}

}  // namespace restate
