// SPDX-License-Identifier: Apache-2.0
#include <gateway/service/generation.hpp>

#include <utility>

namespace gateway {

net::awaitable<Generated> Generator::operator()(Generation generation, dispatch::JobContext& context) const {
    Generated result;
    result.worker = context.worker_id();
    result.queued = std::chrono::duration_cast<std::chrono::microseconds>(context.queued_for());
    ModelAnswer answer = co_await model_->generate(std::move(generation.request), *generation.note);
    result.response = std::move(answer.text);
    result.usage = answer.usage;
    co_return result;
}

}  // namespace gateway
