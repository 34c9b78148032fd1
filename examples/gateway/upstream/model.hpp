// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_MODEL_HPP
#define GATEWAY_UPSTREAM_MODEL_HPP

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include <gateway/base/json.hpp>
#include <gateway/base/net.hpp>
#include <gateway/base/shared_text.hpp>
#include <gateway/base/trace_context.hpp>
#include <gateway/conversation/delivery.hpp>
#include <gateway/conversation/dialect.hpp>
#include <gateway/conversation/token_usage.hpp>
#include <gateway/http/failure.hpp>
#include <gateway/upstream/wait_note.hpp>

namespace gateway {

/// The upstream could not answer. failure() is what the client is told: it names no secret, and nothing of where the
/// upstream is.
class UpstreamError : public std::runtime_error {
  public:
    explicit UpstreamError(Failure failure) : std::runtime_error{failure.message}, failure_{std::move(failure)} {}

    /// The upstream did what it should not.
    explicit UpstreamError(const std::string& what)
        : UpstreamError{Failure{502, "upstream_failed", what, true, std::nullopt}} {}

    [[nodiscard]] const Failure& failure() const { return failure_; }

  private:
    Failure failure_;
};

/// What a model is asked.
struct ModelRequest {
    SharedText prepared;                ///< made by Model::prepare()
    Dialect dialect = Dialect::gemini;  ///< of the client's request, and so of the response
    std::string id = {};                ///< of the job
    std::string session = {};           ///< empty: none
    bool usage_wanted = false;          ///< a stream of the chat dialect ends with what it has cost
    TraceContext trace = {};
};

/// The text of a response's JSON, and what that says it has cost: who makes the text had it as a tree. Of a response in
/// parts: the text of the JSON of one of its events, or none; and what it adds to the cost.
struct ModelAnswer {
    std::string text;
    TokenUsage usage;
};

/// Takes the parts of a response, one after the other. Completes when the next one may come.
using PartSink = std::function<net::awaitable<void>(ModelAnswer part)>;

/// What generates. Requests and responses are in the client's dialect, whoever answers.
///
/// They are texts, and what is made of them lives no longer than it takes to go through: a tree takes up to fifty times
/// the memory of its text, and a generation may wait for hours.
class Model {
  public:
    Model() = default;
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;
    virtual ~Model() = default;

    /// What generate() or stream(), as delivery says, wants of a request, which is a good one (check_request): text is
    /// that of its JSON. Who accepts a request has it as a tree, and need not keep more of it than this. Throws
    /// BadRequest, if it is none that this model can be given.
    [[nodiscard]] virtual SharedText prepare(Dialect /*dialect*/, Delivery /*delivery*/, const Json& /*request*/,
                                             const SharedText& text) const {
        return text;
    }

    /// The response to a request. note, which says what it waits for, must live until it is there.
    ///
    /// Executor: that of the awaiting coroutine, which must be a strand (or have one thread). Cancellation: terminal
    /// ends it soon, with an exception (operation_aborted). Throws UpstreamError. Thread-safe.
    virtual net::awaitable<ModelAnswer> generate(ModelRequest request, WaitNote& note) = 0;

    /// The same, handed to sink in parts as they come, and no faster than it takes them. What sink throws ends it, and
    /// passes through.
    virtual net::awaitable<void> stream(ModelRequest request, WaitNote& note, PartSink sink) = 0;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_MODEL_HPP
