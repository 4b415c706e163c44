#ifndef RESTATE_SERVICE_ADAPTERS_BATCH_ENCODER_H_
#define RESTATE_SERVICE_ADAPTERS_BATCH_ENCODER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/subscription/event.h"
#include "engine/subscription/event_bundle.h"
#include "engine/subscription/event_stream.h"
#include "service/adapters/event_adapter.h"
#include "service/adapters/event_view.h"

namespace restate {

// Makes the bytes of a restate.v1.EventBatch without making the message: what
// EncodeBatch and serializing it would give.
//
// The bytes of an event, or of a bundle, are made once for all streams that see it
// the same way; they are kept with it and from then on only copied, or not even
// that. First the batch is laid out, so that a message of exactly the right size
// can be allocated, then it is written there.
class BatchEncoder {
 public:
  // Lays out a batch, in place of the last one. `batch` is not changed until it
  // has been written. If that would take more than `max_bytes`, the largest
  // events lose their values (OmitValues).
  void LayOut(const EventBatch& batch, const StreamOrigin& origin,
              const EventView& view, size_t max_bytes);

  size_t size() const { return size_; }
  // Writes size() bytes to `out`; gives where they end.
  uint8_t* Write(uint8_t* out) const;

  // Some of the bytes.
  struct Part {
    std::string_view bytes;
    // Keeps them where they are, if anything does longer than this encoder and
    // its batch.
    std::shared_ptr<const EventBundle> owner;
  };
  // All of them, in order.
  std::vector<Part> Parts() const;

 private:
  // Those that a delivery or a bundle keeps, or a part of `own_`.
  struct Piece {
    const char* shared = nullptr;
    size_t own_offset = 0;
    size_t size = 0;
    std::shared_ptr<const EventBundle> owner;
  };
  std::string_view BytesOf(const Piece& piece) const {
    return {piece.shared != nullptr ? piece.shared
                                    : own_.data() + piece.own_offset,
            piece.size};
  }

  void AddBundle(const std::shared_ptr<const EventBundle>& bundle,
                 const StreamOrigin& origin, const EventView& view);
  void AddEvent(const Event& event, const StreamOrigin& origin,
                const EventView& view);
  // Adds the shared bytes of an event with more fields behind them.
  void AddWithFields(std::string_view event_field, const Event& event,
                     const StreamOrigin& origin);
  // Adds what `own_` holds from `offset` on.
  void AddOwn(size_t offset);

  std::vector<Piece> pieces_;
  std::string own_;
  size_t size_ = 0;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_BATCH_ENCODER_H_
