#include "engine/commit/executor.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/commit/arithmetic.h"
#include "engine/commit/overlay_reader.h"
#include "engine/commit/preconditions.h"
#include "engine/derivation/layered_read.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// Of the values that an end of leases deletes: the operations behind are left.
constexpr size_t kMaxExpiryBytes = size_t{1} << 20;

// What a path reads as: the root always reads something.
Tree Reading(const Path& path, const Tree& node) {
  if (!node.has_value() && path.is_root()) return Value::EmptyMap();
  return node;
}

// Which readings show what an effect changed.
ChangeSight SightOf(const Effect& effect) {
  ChangeSight sight;
  if (effect.derived) {
    sight.seen_from = effect.seen_from;
    sight.derived_from = effect.path.depth();
  }
  return sight;
}

class Executor {
 public:
  explicit Executor(const ExecutionContext& context)
      : context_(context), overlay_(*context.overlay) {}

  absl::Status operator()(const SetOperation& set) {
    if (absl::Status status = CheckWritable(set.path); !status.ok()) {
      return status;
    }
    absl::Status status = set.mode == WriteMode::kMerge
                              ? Merge(set, set.path, set.value)
                              : Step([&] { return SetOne(set); });
    return status;
  }

  absl::Status operator()(const DeleteOperation& op) {
    if (absl::Status status = CheckWritable(op.path); !status.ok()) {
      return status;
    }
    return Step([&]() -> absl::Status {
      absl::StatusOr<bool> deleted =
          Delete(op.path, op.payload, op.skip_notify);
      if (!deleted.ok()) return deleted.status();
      result_.changed = *deleted;
      return absl::OkStatus();
    });
  }

  absl::Status operator()(const PingOperation& ping) {
    return Step([&]() -> absl::Status {
      OverlayReader client(&overlay_);
      absl::StatusOr<ReadResult> present =
          ReadLayered(client, *context_.derived, ping.path,
                      View::kWithoutDerived, LimitsOfOld(0, 0));
      if (!present.ok()) return present.status();
      Effect effect;
      effect.kind = Effect::Kind::kPing;
      effect.path = ping.path;
      effect.before = present->tree;
      effect.after = std::move(present->tree);
      effect.complete = !present->over_limit;
      effect.after_incomplete = present->over_limit;
      effect.payload = ping.payload;
      Emit(Reach::kOwnValue, std::move(effect));
      result_.changed = true;
      return absl::OkStatus();
    });
  }

  OperationResult TakeResult() { return std::exchange(result_, {}); }
  void TakeEffects(Execution* execution) {
    execution->effects = std::move(effects_);
    execution->limiter = limiter_;
    execution->next_index = index_;
  }
  // Of the values that its effects hold.
  size_t kept_bytes() const { return limiter_.kept_bytes(); }

 private:
  // OK unless the path is derived.
  absl::Status CheckWritable(const Path& path) const {
    const std::optional<Path> owner = context_.derived->OwnerOf(path);
    if (!owner.has_value()) return absl::OkStatus();
    return MakeError(
        Reason::kDerivedPath,
        absl::StrCat(path.ToText(), " is derived (destination ",
                     owner->ToText(),
                     ") and cannot be written: write what it is derived from, "
                     "or remove the derivation"),
        {{"path", path.ToText()}, {"derivation", owner->ToText()}});
  }

  // Runs one operation, or one leaf of a merge, under its own index.
  template <typename Run>
  absl::Status Step(Run run) {
    absl::Status status = run();
    ++index_;
    return status;
  }

  void Emit(Reach reach, Effect effect) {
    effect.index = index_;
    limiter_.Limit(reach, &effect);
    effects_.push_back(std::move(effect));
  }

  // Reads what is at `path`: whole if what replaces it may be equal to it, or
  // if its effect is to be kept whole. What has kMaxChangedLeaves more leaves
  // than what replaces it changes as many.
  absl::StatusOr<ReadResult> ReadOld(const Path& path, size_t new_bytes,
                                     size_t new_leaves) {
    return overlay_.Read(path, LimitsOfOld(new_bytes, new_leaves));
  }
  static ReadLimits LimitsOfOld(size_t new_bytes, size_t new_leaves) {
    ReadLimits limits;
    limits.max_bytes = std::max(kMaxSideBytes, 2 * new_bytes);
    limits.max_own_values = new_leaves + kMaxChangedLeaves;
    return limits;
  }

  absl::Status CanStore(const Path& path, Write::Scope scope,
                        const Tree& value) {
    return context_.can_store(
        Write{path, scope, value, context_.revision, std::nullopt});
  }

  // Whether the caller counts the old and the new value as the same.
  absl::StatusOr<bool> CountsAsEqual(const SetOperation& set, const Tree& old,
                                     bool old_complete, const Value& value) {
    switch (set.equality.kind) {
      case Equality::Kind::kAlwaysWrite:
        return false;
      case Equality::Kind::kEqual:
        return old_complete && old.has_value() && *old == value;
      case Equality::Kind::kLua:
        if (!old_complete) {
          return MakeError(
              Reason::kReadTooLarge,
              absl::StrCat("what is at ", set.path.ToText(),
                           " is too large for an equality in Lua"),
              {{"path", set.path.ToText()}});
        }
        return context_.equalities->Equal(set.equality.lua, old, value);
      case Equality::Kind::kFields:
        break;
    }
    if (!old_complete) {
      // Too large to have been read whole, hence a map; its fields may not be.
      for (const Path& field : set.equality.fields) {
        const Tree wanted = tree::Get(value, field);
        ReadLimits limits;
        limits.max_bytes = std::max(
            kMaxSideBytes, wanted.has_value() ? 2 * wanted->ByteSize() : 0);
        absl::StatusOr<ReadResult> read =
            overlay_.Read(set.path.Join(field), limits);
        if (!read.ok()) return read.status();
        if (read->over_limit || read->tree != wanted) return false;
      }
      return value.is_map();
    }
    if (!old.has_value() || !old->is_map() || !value.is_map()) return false;
    return std::all_of(
        set.equality.fields.begin(), set.equality.fields.end(),
        [&](const Path& field) {
          return tree::Get(old, field) == tree::Get(value, field);
        });
  }

  absl::Status SetOne(const SetOperation& set) {
    switch (set.mode) {
      case WriteMode::kSet:
      case WriteMode::kIfAbsent: {
        if (!set.value.is_map() || !context_.derived->HasBelow(set.path)) {
          return SetSubtree(set);
        }
        SetOperation clients = set;
        clients.value =
            context_.derived->WithoutDerivedKeys(set.path, set.value);
        return SetSubtree(clients);
      }
      case WriteMode::kMerge:
        return absl::InternalError("a merge is set leaf by leaf");
      case WriteMode::kValue:
      case WriteMode::kAdd:
      case WriteMode::kAppend:
        return SetOwnValue(set);
    }
    return absl::InternalError("unknown write mode");
  }

  absl::Status SetSubtree(const SetOperation& set) {
    const bool scalar = set.value.is_leaf();
    absl::StatusOr<ReadResult> old =
        ReadOld(set.path, set.value.ByteSize(),
                scalar ? 1 : tree::CountOwnValues(set.value));
    if (!old.ok()) return old.status();
    const bool complete = !old->over_limit;
    const bool existed = old->tree.has_value() || !complete;
    Tree previous = Reading(set.path, old->tree);
    if (set.mode == WriteMode::kIfAbsent && (previous.has_value() || existed)) {
      if (complete) result_.value = std::move(previous);
      return absl::OkStatus();
    }
    if (!previous.has_value() && !existed) previous = set.default_value;
    absl::StatusOr<bool> equal =
        CountsAsEqual(set, previous, complete, set.value);
    if (!equal.ok()) return equal.status();
    if (*equal) return absl::OkStatus();

    // {} at the root is the root with nothing in it.
    Tree stored = set.path.is_root() && set.value.is_empty_map()
                      ? Tree()
                      : Tree(set.value);
    absl::Status status = CanStore(set.path, Write::Scope::kSubtree, stored);
    if (!status.ok()) return status;
    status = overlay_.Replace(set.path, stored, existed, context_.revision);
    if (!status.ok()) return status;
    Effect effect;
    effect.path = set.path;
    effect.before = std::move(old->tree);
    effect.after = std::move(stored);
    effect.complete = complete;
    effect.default_value = set.default_value;
    effect.payload = set.payload;
    effect.skip_notify = set.skip_notify;
    Emit(Reach::kSubtree, std::move(effect));
    result_.changed = true;
    if (set.mode == WriteMode::kIfAbsent) result_.value = set.value;
    return absl::OkStatus();
  }

  absl::Status SetOwnValue(const SetOperation& set) {
    absl::StatusOr<ReadResult> old = ReadOld(set.path, 0, 0);
    if (!old.ok()) return old.status();
    const bool complete = !old->over_limit;
    Tree own;
    if (complete) {
      own = tree::OwnValue(old->tree);
    } else {
      absl::StatusOr<NodeProbe> probe = overlay_.Probe(set.path);
      if (!probe.ok()) return probe.status();
      own = std::move(probe->own);
    }
    Tree previous = own;
    if (!previous.has_value()) previous = set.default_value;

    Tree value = set.value;
    if (set.mode != WriteMode::kValue) {
      absl::StatusOr<Value> combined =
          set.mode == WriteMode::kAdd
              ? Add(set.path, previous, set.value)
              : Append(set.path, previous, set.value, context_.max_leaf_bytes);
      if (!combined.ok()) return combined.status();
      value = *std::move(combined);
      result_.value = value;
    }
    absl::StatusOr<bool> equal = CountsAsEqual(set, previous, true, *value);
    if (!equal.ok()) return equal.status();
    if (*equal) return absl::OkStatus();
    return WriteOwn(set, *std::move(old), std::move(value));
  }

  // Makes `own` the own value of the node that reads `old`.
  absl::Status WriteOwn(const SetOperation& set, ReadResult old, Tree own,
                        const Path* path_of_leaf = nullptr) {
    const Path& path = path_of_leaf == nullptr ? set.path : *path_of_leaf;
    const bool existed = old.tree.has_value() || old.over_limit;
    absl::Status status = CanStore(path, Write::Scope::kOwnValue, own);
    if (!status.ok()) return status;
    // Without children the own value is all there is.
    status = old.over_limit || tree::HasChildren(old.tree)
                 ? overlay_.ReplaceOwn(path, own, existed, context_.revision)
                 : overlay_.Replace(path, own, existed, context_.revision);
    if (!status.ok()) return status;
    Effect effect;
    effect.path = path;
    effect.after = tree::ReplaceOwn(old.tree, Path(), own);
    effect.kind = effect.after.has_value() || old.over_limit
                      ? Effect::Kind::kSet
                      : Effect::Kind::kDelete;
    effect.before = std::move(old.tree);
    effect.complete = !old.over_limit;
    effect.after_incomplete = old.over_limit;
    effect.default_value = set.default_value;
    effect.payload = set.payload;
    effect.skip_notify = set.skip_notify;
    Emit(Reach::kOwnValue, std::move(effect));
    result_.changed = true;
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Delete(const Path& path, const Tree& payload,
                              bool skip_notify) {
    absl::StatusOr<ReadResult> old = ReadOld(path, 0, 0);
    if (!old.ok()) return old.status();
    if (!old->tree.has_value() && !old->over_limit) return false;
    absl::Status status =
        CanStore(path, Write::Scope::kSubtree, std::nullopt);
    if (!status.ok()) return status;
    status =
        overlay_.Replace(path, std::nullopt, true, context_.revision);
    if (!status.ok()) return status;
    Effect effect;
    effect.kind = Effect::Kind::kDelete;
    effect.path = path;
    effect.complete = !old->over_limit;
    effect.before = std::move(old->tree);
    effect.payload = payload;
    effect.skip_notify = skip_notify;
    Emit(Reach::kSubtree, std::move(effect));
    return true;
  }

  // Every leaf of a merged value is an operation of its own, in path order.
  absl::Status Merge(const SetOperation& set, const Path& path,
                     const Value& value) {
    // A derived key inside a written map is ignored.
    if (context_.derived->Find(path) != nullptr) return absl::OkStatus();
    if (value.is_leaf() || value.as_map().empty()) {
      return Step([&] { return MergeLeaf(set, path, value); });
    }
    if (const Value* own = value.as_map().Find(kOwnValueKey)) {
      absl::Status status = Step([&] { return MergeOwn(set, path, *own); });
      if (!status.ok()) return status;
    }
    for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
      if (it->key == kOwnValueKey) continue;
      absl::Status status = Merge(set, path.Child(it->key), it->value);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status MergeLeaf(const SetOperation& set, const Path& path,
                         const Value& leaf) {
    if (leaf.kind() == Value::Kind::kNull) {
      absl::StatusOr<bool> deleted =
          Delete(path, set.payload, set.skip_notify);
      if (!deleted.ok()) return deleted.status();
      result_.changed |= *deleted;
      return absl::OkStatus();
    }
    SetOperation one;
    one.path = path;
    one.value = leaf;
    one.mode = leaf.is_map() ? WriteMode::kIfAbsent : WriteMode::kSet;
    one.equality = set.equality;
    one.payload = set.payload;
    one.skip_notify = set.skip_notify;
    absl::Status status = SetSubtree(one);
    result_.value.reset();
    return status;
  }

  absl::Status MergeOwn(const SetOperation& set, const Path& path,
                        const Value& own) {
    absl::StatusOr<ReadResult> old = ReadOld(path, 0, 0);
    if (!old.ok()) return old.status();
    Tree present;
    if (old->over_limit) {
      absl::StatusOr<NodeProbe> probe = overlay_.Probe(path);
      if (!probe.ok()) return probe.status();
      present = std::move(probe->own);
    } else {
      present = tree::OwnValue(old->tree);
    }
    const bool removes = own.kind() == Value::Kind::kNull;
    if (present.has_value() && present->is_map()) {
      // {} is no own value.
      if (removes && set.removes_empty_map) return MergeLeaf(set, path, own);
      present.reset();
    }
    if (removes && !present.has_value()) return absl::OkStatus();
    if (!removes && set.equality.kind != Equality::Kind::kAlwaysWrite &&
        present == Tree(own)) {
      return absl::OkStatus();
    }
    return WriteOwn(set, *std::move(old), removes ? Tree() : Tree(own), &path);
  }

  const ExecutionContext& context_;
  Overlay& overlay_;
  int32_t index_ = 0;
  OperationResult result_;
  std::vector<Effect> effects_;
  EffectLimiter limiter_;
};

}  // namespace

absl::StatusOr<Execution> Execute(const CommitRequest& request,
                                  const ExecutionContext& context) {
  absl::Status status =
      CheckPreconditions(request.preconditions, *context.last_changes,
                         context.revision - 1, *context.overlay,
                         *context.derived);
  if (!status.ok()) return status;
  Executor executor(context);
  Execution execution;
  execution.results.reserve(request.operations.size());
  for (size_t i = 0; i < request.operations.size(); ++i) {
    status = std::visit(executor, request.operations[i]);
    if (!status.ok()) {
      if (request.operations.size() == 1) return status;
      return Annotate(status, absl::StrCat("operation ", i, ": "),
                      {{"operation", absl::StrCat(i)}});
    }
    execution.results.push_back(executor.TakeResult());
    if (request.expiry.has_value() &&
        executor.kept_bytes() > kMaxExpiryBytes) {
      break;
    }
  }
  executor.TakeEffects(&execution);
  return execution;
}

void RecordChanges(const std::vector<Effect>& effects, Revision revision,
                   LastChanges* last_changes) {
  std::vector<std::pair<Path, ChangeSight>> changed;
  bool leaf_by_leaf = true;
  for (const Effect& effect : effects) {
    if (effect.kind == Effect::Kind::kPing) continue;
    if (effect.below_unknown || changed.size() > kMaxChangedLeaves) {
      leaf_by_leaf = false;
      break;
    }
    if (!effect.complete || effect.after_incomplete) {
      // Only its own value has changed.
      changed.push_back({effect.path, SightOf(effect)});
      continue;
    }
    tree::Diff(effect.before, effect.after,
               [&](const Path& path, const Value* before, const Value* after) {
                 // A change that no reader can tell is none.
                 if (before != nullptr && after != nullptr &&
                     *before == *after) {
                   return;
                 }
                 changed.push_back({effect.path.Join(path), SightOf(effect)});
               });
  }
  if (leaf_by_leaf && changed.size() <= kMaxChangedLeaves) {
    for (const auto& [path, sight] : changed) {
      last_changes->RecordOwnValue(path, revision, sight);
    }
    return;
  }
  for (const Effect& effect : effects) {
    if (effect.kind == Effect::Kind::kPing) continue;
    last_changes->RecordSubtree(effect.path, revision, SightOf(effect));
  }
}

}  // namespace restate
