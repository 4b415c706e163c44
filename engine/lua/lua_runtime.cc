#include "engine/lua/lua_runtime.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <lua5.4/lua.hpp>
#include <new>
#include <optional>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"
#include "engine/lua/lua_call.h"
#include "engine/path/utf8.h"

namespace restate {
namespace {

// How messages name the user's source: "lua:3: unexpected symbol".
constexpr char kChunkName[] = "=lua";
constexpr absl::string_view kChunkPrefix = "lua:";

constexpr size_t kMaxParameters = 100;
constexpr size_t kMaxMessageBytes = 1'000;
// Garbage above this is collected when a call ends, not when Lua thinks fit.
constexpr size_t kMaxGarbageBytes = size_t{4} << 20;

constexpr std::string_view kKeywords[] = {
    "and",   "break", "do",     "else",   "elseif", "end",  "false", "for",
    "function", "goto", "if",   "in",     "local",  "nil",  "not",   "or",
    "repeat", "return", "then", "true",   "until",  "while"};

bool IsName(std::string_view text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0]))) {
    return false;
  }
  const bool letters = absl::c_all_of(text, [](unsigned char c) {
    return c == '_' || (c < 0x80 && std::isalnum(c));
  });
  return letters && !absl::c_linear_search(kKeywords, text);
}

absl::Status CheckParameters(const std::vector<std::string>& parameters) {
  if (parameters.size() > kMaxParameters) {
    return MakeError(Reason::kLuaSyntax,
                     absl::StrCat("a Lua function has at most ", kMaxParameters,
                                  " parameters"));
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string& name = parameters[i];
    if (!IsName(name)) {
      return MakeError(
          Reason::kLuaSyntax,
          absl::StrCat("the parameter ", Quoted(name),
                       " is no name of Lua's: use letters, digits and _, not a "
                       "digit first, and no keyword"),
          {{"parameter", name}});
    }
    if (std::find(parameters.begin(), parameters.begin() + i, name) !=
        parameters.begin() + i) {
      return MakeError(
          Reason::kLuaSyntax,
          absl::StrCat("the parameter ", name, " is there twice: rename one"),
          {{"parameter", name}});
    }
  }
  return absl::OkStatus();
}

// The line in "lua:3: what"; 0 if there is none.
int LineOf(absl::string_view message) {
  if (!absl::StartsWith(message, kChunkPrefix)) return 0;
  message.remove_prefix(kChunkPrefix.size());
  int line = 0;
  return absl::SimpleAtoi(message.substr(0, message.find(':')), &line) ? line
                                                                       : 0;
}

std::map<std::string, std::string> LineMetadata(int line) {
  if (line <= 0) return {};
  return {{"line", absl::StrCat(line)}};
}

// Messages may hold whatever the user's strings do.
std::string Presentable(std::string_view message) {
  std::string text(message.substr(0, kMaxMessageBytes));
  for (char& c : text) {
    if (c == '\0') c = ' ';
  }
  // A cut may have gone through a character.
  for (int i = 0; i < 3 && message.size() > kMaxMessageBytes; ++i) {
    if (IsValidUtf8(text)) break;
    text.pop_back();
  }
  if (IsValidUtf8(text)) return text;
  for (char& c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return text;
}

// Whether the word "return" is somewhere in the source: then its author meant a
// body and not an expression.
bool HasReturn(std::string_view source) {
  constexpr std::string_view kReturn = "return";
  for (size_t at = source.find(kReturn); at != std::string_view::npos;
       at = source.find(kReturn, at + 1)) {
    const auto is_part = [&](size_t i) {
      return i < source.size() &&
             (source[i] == '_' ||
              std::isalnum(static_cast<unsigned char>(source[i])));
    };
    if (!(at > 0 && is_part(at - 1)) && !is_part(at + kReturn.size())) {
      return true;
    }
  }
  return false;
}

void OnStep(lua_State* L, lua_Debug*) {
  if (!CallOf(L).meter.Step()) luaL_error(L, "out of instructions");
}

// The line that runs, or that called what runs; 0 outside of the user's source.
int CurrentLine(lua_State* L) {
  lua_Debug frame;
  for (int level = 0; lua_getstack(L, level, &frame) != 0; ++level) {
    lua_getinfo(L, "l", &frame);
    if (frame.currentline > 0) return frame.currentline;
  }
  return 0;
}

// Whether the error comes from the user's call of error.
bool IsRaisedByUser(lua_State* L) {
  lua_Debug frame;
  // Level 0 is the handler.
  if (lua_getstack(L, 1, &frame) == 0) return false;
  lua_getinfo(L, "f", &frame);
  const lua_CFunction raised_by = lua_tocfunction(L, -1);
  lua_pop(L, 1);
  return raised_by == CallOf(L).error_function;
}

// Sees an error where it is raised: remembers the line, puts it before messages
// of functions that do not know it, and makes a text of what is none.
int OnError(lua_State* L) {
  const int line = CurrentLine(L);
  CallOf(L).error_line = line;
  if (lua_type(L, 1) != LUA_TSTRING) {
    PushText(L, 1);
  } else if (line > 0 && LineOf(AbslView(StringAt(L, 1))) == 0 &&
             !IsRaisedByUser(L)) {
    lua_pushfstring(L, "lua:%d: %s", line, lua_tostring(L, 1));
  }
  return 1;
}

template <typename Action>
int RunAction(lua_State* L) {
  auto* action = static_cast<Action*>(lua_touserdata(L, 1));
  lua_settop(L, 0);
  (*action)(L);
  return 0;
}

}  // namespace

// A lua_State, what it is doing, and what it holds for good.
class LuaRuntime::Machine {
 public:
  Machine() : state_(lua_newstate(CallMeter::Allocate, &call_.meter)) {
    if (state_ == nullptr) throw std::bad_alloc();
    *static_cast<LuaCall**>(lua_getextraspace(state_)) = &call_;
    // Nothing bounds the meter yet: only the computer can be out of memory.
    if (Protect(OpenSandbox) != LUA_OK) throw std::bad_alloc();
    lua_settop(state_, 0);
    lua_gc(state_, LUA_GCCOLLECT);
    call_.meter.set_kept_bytes(call_.meter.bytes_in_use());
  }
  ~Machine() { lua_close(state_); }

  size_t bytes_in_use() const { return call_.meter.bytes_in_use(); }

  // Compiles and keeps; gives where, and what it takes.
  absl::Status Compile(const std::vector<std::string>& parameters,
                       const std::string& source, int* reference,
                       size_t* bytes);
  void Forget(int reference, size_t bytes) {
    luaL_unref(state_, LUA_REGISTRYINDEX, reference);
    call_.meter.set_kept_bytes(call_.meter.kept_bytes() - bytes);
  }

  // Sets `*broken` if this machine should not be used any more.
  LuaOutcome Call(int reference, absl::Span<const Tree> arguments,
                  const LuaBudget& budget, const LuaReader* reader,
                  bool* broken);

 private:
  // Calls action(L) with an empty stack, catching Lua's errors. The message is
  // at the top if the result is not LUA_OK.
  template <typename Action>
  int Protect(Action action) {
    lua_settop(state_, 0);
    lua_pushcfunction(state_, OnError);
    lua_pushcfunction(state_, RunAction<Action>);
    lua_pushlightuserdata(state_, &action);
    return lua_pcall(state_, 1, 0, 1);
  }

  // Why the call that ended with `code` failed.
  absl::Status Failure(int code) const;

  // Before the state, which frees its memory through the meter.
  LuaCall call_;
  lua_State* const state_;
};

absl::Status LuaRuntime::Machine::Compile(
    const std::vector<std::string>& parameters, const std::string& source,
    int* reference, size_t* bytes) {
  // On the line of the source's first, so that lines are the source's. The
  // parameters are locals of the chunk: the source cannot close what encloses
  // it, for nothing does.
  const std::string prefix =
      parameters.empty()
          ? ""
          : absl::StrCat("local ", absl::StrJoin(parameters, ","), "=... ");
  const std::string expression = absl::StrCat(prefix, "return ", source);
  const std::string body = absl::StrCat(prefix, source);
  const bool wants_body = HasReturn(source);

  // Else what is collected meanwhile would count as if the function gave it.
  lua_gc(state_, LUA_GCSTOP);
  const size_t before = call_.meter.bytes_in_use();
  std::string message;
  bool compiled = false;
  call_.meter.Begin(LuaBudget());
  const int code = Protect([&](lua_State* L) {
    for (const std::string* text : {&expression, &body}) {
      const int loaded = luaL_loadbufferx(L, text->data(), text->size(),
                                          kChunkName, "t");
      if (loaded == LUA_OK) {
        *reference = luaL_ref(L, LUA_REGISTRYINDEX);
        compiled = true;
        return;
      }
      if (message.empty() || (text == &body && wants_body)) {
        message = StringAt(L, -1);
      }
      lua_pop(L, 1);
    }
  });
  call_.meter.End();
  if (code != LUA_OK) message = "there is too little memory to compile it";
  lua_settop(state_, 0);
  const size_t after = call_.meter.bytes_in_use();
  lua_gc(state_, LUA_GCRESTART);
  if (!compiled) {
    return MakeError(Reason::kLuaSyntax, Presentable(message),
                     LineMetadata(LineOf(message)));
  }
  *bytes = after - std::min(before, after);
  call_.meter.set_kept_bytes(call_.meter.kept_bytes() + *bytes);
  return absl::OkStatus();
}

LuaOutcome LuaRuntime::Machine::Call(int reference,
                                     absl::Span<const Tree> arguments,
                                     const LuaBudget& budget,
                                     const LuaReader* reader, bool* broken) {
  call_.reader = reader;
  call_.failure = absl::OkStatus();
  call_.error_line = 0;
  call_.meter.Begin(budget);
  lua_sethook(state_, OnStep, LUA_MASKCOUNT, CallMeter::kStep);
  Tree result;
  const int code = Protect([&](lua_State* L) {
    luaL_checkstack(L, static_cast<int>(arguments.size()) + 4, nullptr);
    lua_rawgeti(L, LUA_REGISTRYINDEX, reference);
    PushEnvironment(L);
    lua_setupvalue(L, 1, 1);
    for (const Tree& argument : arguments) PushTree(L, argument);
    lua_call(L, static_cast<int>(arguments.size()), LUA_MULTRET);
    if (lua_gettop(L) > 1) {
      luaL_error(L,
                 "the function returned %d values: return one, in parentheses "
                 "if a call gives several",
                 lua_gettop(L));
    }
    if (lua_gettop(L) == 1) result = ReadTree(L, 1);
  });
  call_.meter.End();
  lua_sethook(state_, nullptr, 0, 0);

  LuaOutcome outcome{code == LUA_OK ? absl::StatusOr<Tree>(std::move(result))
                                    : Failure(code),
                     call_.meter.instructions(),
                     {call_.reads.begin(), call_.reads.end()},
                     {},
                     false,
                     false};
  if (ErrorReason(outcome.result.status()) == ReasonName(Reason::kLuaBudget)) {
    outcome.out_of_instructions =
        call_.meter.over() == CallMeter::Over::kInstructions;
    outcome.out_of_time = call_.meter.over() == CallMeter::Over::kCpuTime;
  }
  *broken = code == LUA_ERRMEM;
  // Nothing of this call is left in reach of the next.
  lua_settop(state_, 0);
  lua_rawgeti(state_, LUA_REGISTRYINDEX, reference);
  lua_pushnil(state_);
  lua_setupvalue(state_, 1, 1);
  lua_settop(state_, 0);
  if (!*broken &&
      call_.meter.bytes_in_use() > call_.meter.kept_bytes() + kMaxGarbageBytes) {
    lua_gc(state_, LUA_GCCOLLECT);
  }
  call_.reads.clear();
  call_.kept.clear();
  call_.reader = nullptr;
  return outcome;
}

absl::Status LuaRuntime::Machine::Failure(int code) const {
  if (!call_.failure.ok()) return call_.failure;
  const LuaBudget& budget = call_.meter.budget();
  const auto metadata = LineMetadata(call_.error_line);
  switch (call_.meter.over()) {
    case CallMeter::Over::kNothing:
      break;
    case CallMeter::Over::kInstructions:
      return MakeError(
          Reason::kLuaBudget,
          absl::StrCat("the Lua function used its budget of ",
                       budget.instructions,
                       " instructions: make it do less, or derive in steps"),
          metadata);
    case CallMeter::Over::kNodes:
      return MakeError(
          Reason::kLuaBudget,
          absl::StrCat("the Lua function looked at or made more than ",
                       budget.nodes,
                       " values: name a smaller source, or use an aggregate"),
          metadata);
    case CallMeter::Over::kCpuTime:
      return MakeError(
          Reason::kLuaBudget,
          absl::StrCat("the Lua function took more than ",
                       absl::FormatDuration(budget.cpu_time),
                       " of CPU time: make it do less"),
          metadata);
    case CallMeter::Over::kMemory:
      code = LUA_ERRMEM;
  }
  if (code == LUA_ERRMEM && call_.meter.refused_long_string()) {
    return MakeError(Reason::kLuaMemory,
                     absl::StrCat("the Lua function made a string of more than ",
                                  call_.meter.max_string_bytes(),
                                  " bytes: keep strings shorter"),
                     metadata);
  }
  if (code == LUA_ERRMEM) {
    return MakeError(Reason::kLuaMemory,
                     absl::StrCat("the Lua function used its ",
                                  budget.memory_bytes,
                                  " bytes of memory: make it hold less"),
                     metadata);
  }
  const char* message = lua_tostring(state_, -1);
  return MakeError(Reason::kLuaError,
                   Presentable(message == nullptr ? "an error" : message),
                   metadata);
}

LuaFunction::LuaFunction(LuaRuntime* runtime,
                         std::vector<std::string> parameters,
                         std::string source)
    : runtime_(runtime),
      parameters_(std::move(parameters)),
      source_(std::move(source)) {}

LuaFunction::~LuaFunction() {
  if (machine_ == runtime_->machine_number_) {
    runtime_->machine_->Forget(reference_, bytes_);
  }
}

LuaRuntime::LuaRuntime() : machine_(std::make_unique<Machine>()) {}

LuaRuntime::~LuaRuntime() = default;

absl::StatusOr<std::unique_ptr<LuaFunction>> LuaRuntime::Compile(
    std::vector<std::string> parameters, std::string source) {
  absl::Status status = CheckParameters(parameters);
  if (!status.ok()) return status;
  if (source.size() > kMaxSourceBytes) {
    return MakeError(Reason::kLuaSyntax,
                     absl::StrCat("the source has more than ", kMaxSourceBytes,
                                  " bytes: shorten it"));
  }
  std::unique_ptr<LuaFunction> function(
      new LuaFunction(this, std::move(parameters), std::move(source)));
  status = CompileInto(*function);
  if (!status.ok()) return status;
  return function;
}

absl::Status LuaRuntime::CompileInto(LuaFunction& function) {
  absl::Status status =
      machine_->Compile(function.parameters_, function.source_,
                        &function.reference_, &function.bytes_);
  if (status.ok()) function.machine_ = machine_number_;
  return status;
}

LuaOutcome LuaRuntime::Call(LuaFunction& function,
                            absl::Span<const Tree> arguments,
                            const LuaBudget& budget) {
  LuaOutcome outcome = CallWith(function, arguments, budget, nullptr);
  Count(outcome);
  return outcome;
}

LuaOutcome LuaRuntime::Call(LuaFunction& function,
                            absl::Span<const Tree> arguments,
                            const LuaBudget& budget, LuaReader reader) {
  LuaOutcome outcome = CallWith(function, arguments, budget, &reader);
  Count(outcome);
  return outcome;
}

std::optional<LuaOutcome> LuaRuntime::Try(LuaFunction& function,
                                          absl::Span<const Tree> arguments,
                                          const LuaBudget& budget,
                                          const LuaReader* reader) {
  LuaOutcome outcome = CallWith(function, arguments, budget, reader);
  // One that was stopped for its instructions has used one step more.
  if (outcome.instructions > budget.instructions) return std::nullopt;
  return outcome;
}

LuaOutcome LuaRuntime::CallWith(LuaFunction& function,
                                absl::Span<const Tree> arguments,
                                const LuaBudget& budget,
                                const LuaReader* reader) {
  if (function.machine_ != machine_number_) {
    absl::Status status = CompileInto(function);
    if (!status.ok()) {
      return {std::move(status), CallMeter::kStep, {}, {}, false, false};
    }
  }
  const auto began = std::chrono::steady_clock::now();
  bool broken = false;
  LuaOutcome outcome = machine_->Call(
      function.reference_,
      arguments.first(std::min(arguments.size(), function.parameters_.size())),
      budget, reader, &broken);
  if (broken) {
    machine_ = std::make_unique<Machine>();
    ++machine_number_;
  }
  outcome.time = absl::FromChrono(std::chrono::steady_clock::now() - began);
  return outcome;
}

void LuaRuntime::Count(const LuaOutcome& outcome) {
  counters_.calls.AddAlone();
  counters_.instructions.AddAlone(static_cast<uint64_t>(outcome.instructions));
  counters_.nanoseconds.AddAlone(
      static_cast<uint64_t>(absl::ToInt64Nanoseconds(outcome.time)));
  counters_.memory_bytes.store(memory_in_use(), std::memory_order_relaxed);
  if (outcome.result.ok()) return;
  const std::string reason = ErrorReason(outcome.result.status());
  if (reason == ReasonName(Reason::kLuaError)) {
    counters_.errors.AddAlone();
  } else if (reason == ReasonName(Reason::kLuaBudget)) {
    counters_.over_budget.AddAlone();
  } else if (reason == ReasonName(Reason::kLuaMemory)) {
    counters_.over_memory.AddAlone();
  }
}

size_t LuaRuntime::memory_in_use() const { return machine_->bytes_in_use(); }

}  // namespace restate
