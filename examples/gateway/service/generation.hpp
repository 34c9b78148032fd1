// SPDX-License-Identifier: Apache-2.0
// What the pool's workers do.
#ifndef GATEWAY_SERVICE_GENERATION_HPP
#define GATEWAY_SERVICE_GENERATION_HPP

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <dispatch/pool.hpp>
#include <gateway/base/heavy_work.hpp>
#include <gateway/base/net.hpp>
#include <gateway/base/shared_text.hpp>
#include <gateway/conversation/token_usage.hpp>
#include <gateway/upstream/model.hpp>
#include <gateway/upstream/wait_note.hpp>

namespace gateway {

/// A request for the model.
struct Generation {
    /// Of the job.
    std::string id;
    Dialect dialect = Dialect::gemini;
    /// The text of a request's JSON, or, if it is prepared, what Model::prepare() made of that.
    SharedText request;
    bool prepared = false;
    /// What it waits for; not null.
    std::shared_ptr<WaitNote> note;
};

/// What the model made of it.
struct Generated {
    /// The text of the response's JSON.
    std::string response;
    std::size_t worker = 0;
    std::chrono::microseconds queued{};
    TokenUsage usage;
};

using GenerationPool = dispatch::WorkerPool<Generation, Generated>;

/// The pool's handler: asks the model. Throws what the model throws. model and heavy must outlive the workers.
class Generator {
  public:
    Generator(Model& model, HeavyWork& heavy) : model_{&model}, heavy_{&heavy} {}

    net::awaitable<Generated> operator()(Generation generation, dispatch::JobContext& context) const;

  private:
    net::awaitable<SharedText> prepare(Dialect dialect, SharedText request) const;

    Model* model_;
    HeavyWork* heavy_;
};

}  // namespace gateway

#endif  // GATEWAY_SERVICE_GENERATION_HPP
