#include "service/adapters/subscription_adapter.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "service/adapters/path_adapter.h"

namespace restate {
namespace {

constexpr size_t kDefaultPageSize = 1'000;
constexpr size_t kMaxPageSize = 10'000;

}  // namespace

absl::StatusOr<SubscriptionPage> DecodePage(
    const v1::ListSubscriptionsRequest& request) {
  if (request.page_size() < 0) {
    return MakeError(Reason::kInvalidRequest,
                     "page_size must not be negative");
  }
  SubscriptionPage page;
  page.size = request.page_size() == 0
                  ? kDefaultPageSize
                  : std::min(static_cast<size_t>(request.page_size()),
                             kMaxPageSize);
  if (!request.page_token().empty() &&
      (!absl::SimpleAtoi(request.page_token(), &page.after_id) ||
       page.after_id <= 0)) {
    return MakeError(Reason::kInvalidRequest,
                     "page_token is none that this server makes: pass the one "
                     "from the answer before, or none");
  }
  return page;
}

std::string EncodePageToken(int64_t last_id) { return absl::StrCat(last_id); }

void EncodeSubscription(const SubscriptionStatus& status,
                        v1::SubscriptionInfo* proto) {
  proto->set_subscription_id(status.id);
  proto->set_session_id(status.session_id);
  proto->set_callback_id(status.callback_id);
  for (const PathPattern& pattern : status.patterns) {
    EncodePattern(pattern, proto->add_patterns());
  }
  proto->set_intercepting(status.intercepting);
  proto->set_queued_events(static_cast<int64_t>(status.queued_events));
  proto->set_queued_bytes(static_cast<int64_t>(status.queued_bytes));
  proto->set_lag_revisions(status.lag_revisions);
  proto->set_dropped_events(status.dropped_events);
  proto->set_reading_history(status.reading_history);
  proto->set_unacknowledged(static_cast<int64_t>(status.unacknowledged));
}

}  // namespace restate
