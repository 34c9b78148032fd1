// SPDX-License-Identifier: Apache-2.0
// What the pool's workers do.
#ifndef GATEWAY_SERVICE_GENERATION_HPP
#define GATEWAY_SERVICE_GENERATION_HPP

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <dispatch/pool.hpp>
#include <gateway/base/net.hpp>
#include <gateway/upstream/model.hpp>
#include <gateway/upstream/token_usage.hpp>
#include <gateway/upstream/wait_note.hpp>

namespace gateway {

/// A request for the model.
struct Generation {
    /// The text of a generateContent request's JSON.
    std::string request;
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

/// The pool's handler: asks the model, which must outlive the workers. Throws what the model throws.
class Generator {
  public:
    explicit Generator(Model& model) : model_{&model} {}

    net::awaitable<Generated> operator()(Generation generation, dispatch::JobContext& context) const;

  private:
    Model* model_;
};

}  // namespace gateway

#endif  // GATEWAY_SERVICE_GENERATION_HPP
