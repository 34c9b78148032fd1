// SPDX-License-Identifier: Apache-2.0
#include "generation.hpp"

#include "json.hpp"

namespace gateway {

net::awaitable<Generated> Generator::operator()(Generation generation, dispatch::JobContext& context) const {
    Generated result;
    result.worker = context.worker_id();
    result.queued = std::chrono::duration_cast<std::chrono::microseconds>(context.queued_for());
    const Json request = parse_json(generation.request);
    const Json response = co_await model_->generate(request);
    result.response = dump(response);
    result.usage = usage_of(response);
    co_return result;
}

}  // namespace gateway
