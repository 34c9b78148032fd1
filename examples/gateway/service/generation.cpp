// SPDX-License-Identifier: Apache-2.0
#include <gateway/service/generation.hpp>

#include <utility>

#include <gateway/base/json.hpp>
#include <gateway/conversation/bad_request.hpp>

namespace gateway {

net::awaitable<Generated> Generator::operator()(Generation generation, dispatch::JobContext& context) const {
    Generated result;
    result.worker = context.worker_id();
    result.queued = std::chrono::duration_cast<std::chrono::microseconds>(context.queued_for());
    if (!generation.prepared) {
        generation.request = co_await prepare(generation.dialect, std::move(generation.request));
    }
    ModelRequest request{std::move(generation.request), generation.dialect, std::move(generation.id),
                         std::string{context.session()}};
    ModelAnswer answer = co_await model_->generate(std::move(request), *generation.note);
    result.response = std::move(answer.text);
    result.usage = answer.usage;
    co_return result;
}

/// Of a job of a former run, whose text is all that there is.
net::awaitable<SharedText> Generator::prepare(Dialect dialect, SharedText request) const {
    auto preparing =
        heavy_->run(request.size(), [&] { return model_->prepare(dialect, parse_json(request), request); });
    try {
        co_return co_await std::move(preparing);
    } catch (const JsonError& error) {
        throw UpstreamError{Failure{400, "bad_request", std::string{"the request is not JSON: "} + error.what()}};
    } catch (const BadRequest& error) {  // another upstream than when it was accepted
        throw UpstreamError{Failure{400, "bad_request", error.what()}};
    }
}

}  // namespace gateway
