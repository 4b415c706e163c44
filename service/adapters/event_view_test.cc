#include "service/adapters/event_view.h"

#include <set>

#include "gtest/gtest.h"

namespace restate {
namespace {

TEST(EventView, ResolvesDefaults) {
  v1::SubscribeRequest request;
  EXPECT_EQ(ViewOf(request),
            (EventView{v1::EVENT_VALUES_BOTH, v1::VALUE_ENCODING_JSON,
                       size_t{1} << 20}));
  request.set_values(v1::EVENT_VALUES_NEW);
  request.set_encoding(v1::VALUE_ENCODING_TYPED);
  request.set_max_value_bytes(1);
  EXPECT_EQ(ViewOf(request),
            (EventView{v1::EVENT_VALUES_NEW, v1::VALUE_ENCODING_TYPED, 1}));
}

TEST(EventView, SurvivesPackingAndSharesWhatIsTheSame) {
  std::set<int> packed;
  std::set<size_t> shared;
  for (const v1::EventValues values :
       {v1::EVENT_VALUES_BOTH, v1::EVENT_VALUES_NEW, v1::EVENT_VALUES_NONE}) {
    for (const v1::ValueEncoding encoding :
         {v1::VALUE_ENCODING_JSON, v1::VALUE_ENCODING_TYPED}) {
      for (const size_t bound : {size_t{1}, size_t{1000}, kMaxEventValueBytes}) {
        const EventView view{values, encoding, bound};
        EXPECT_EQ(UnpackView(PackView(view)), view);
        packed.insert(PackView(view));
        EXPECT_LT(SharedIndex(view), EncodedViews::kViews);
        shared.insert(SharedIndex(view));
      }
    }
  }
  EXPECT_EQ(packed.size(), 18u);
  EXPECT_EQ(shared.size(), 6u);
  EXPECT_EQ(UnpackView(0), EventView());
}

}  // namespace
}  // namespace restate
