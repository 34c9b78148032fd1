// SPDX-License-Identifier: Apache-2.0
// What the pool's workers do.
#ifndef GATEWAY_SERVICE_GENERATION_HPP
#define GATEWAY_SERVICE_GENERATION_HPP

#include <memory>
#include <string>

#include <dispatch/pool.hpp>
#include <dispatch/stream.hpp>
#include <gateway/base/heavy_work.hpp>
#include <gateway/base/net.hpp>
#include <gateway/base/shared_text.hpp>
#include <gateway/base/trace_context.hpp>
#include <gateway/conversation/delivery.hpp>
#include <gateway/conversation/dialect.hpp>
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
    Delivery delivery = Delivery::whole;
    /// Of an answer in parts: see ModelRequest.
    bool usage_wanted = false;
    /// What it waits for; not null.
    std::shared_ptr<WaitNote> note;
    TraceContext trace = {};
};

using Writer = dispatch::Writer<ModelAnswer>;
using GenerationPool = dispatch::WorkerPool<Generation, dispatch::Stream<ModelAnswer>>;

/// The pool's handler: asks the model, and writes what it answers: an answer that is wanted whole is one part. Throws
/// what the model throws. model and heavy must outlive the workers.
class Generator {
  public:
    Generator(Model& model, HeavyWork& heavy) : model_{&model}, heavy_{&heavy} {}

    net::awaitable<void> operator()(Generation generation, Writer& out, dispatch::JobContext& context) const;

  private:
    net::awaitable<SharedText> prepare(Dialect dialect, SharedText request) const;

    Model* model_;
    HeavyWork* heavy_;
};

}  // namespace gateway

#endif  // GATEWAY_SERVICE_GENERATION_HPP
