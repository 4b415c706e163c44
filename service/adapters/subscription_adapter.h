#ifndef RESTATE_SERVICE_ADAPTERS_SUBSCRIPTION_ADAPTER_H_
#define RESTATE_SERVICE_ADAPTERS_SUBSCRIPTION_ADAPTER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "engine/subscription/subscription.h"
#include "restate/v1/event_service.pb.h"

namespace restate {

// Pages of ListSubscriptions.
struct SubscriptionPage {
  // Those with a larger id.
  int64_t after_id = 0;
  size_t size = 0;
};

// INVALID_ARGUMENT / INVALID_REQUEST: a negative size, or no token of ours.
absl::StatusOr<SubscriptionPage> DecodePage(
    const v1::ListSubscriptionsRequest& request);

// The token for what comes after this subscription.
std::string EncodePageToken(int64_t last_id);

// Fills an empty message.
void EncodeSubscription(const SubscriptionStatus& status,
                        v1::SubscriptionInfo* proto);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_SUBSCRIPTION_ADAPTER_H_
