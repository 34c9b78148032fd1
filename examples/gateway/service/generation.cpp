// SPDX-License-Identifier: Apache-2.0
#include <gateway/service/generation.hpp>

#include <utility>

#include <gateway/base/json.hpp>
#include <gateway/conversation/bad_request.hpp>

namespace gateway {

net::awaitable<void> Generator::operator()(Generation generation, Writer& out, dispatch::JobContext& context) const {
    if (!generation.prepared) {
        generation.request = co_await prepare(generation.dialect, std::move(generation.request));
    }
    ModelRequest request{std::move(generation.request),  generation.dialect,      std::move(generation.id),
                         std::string{context.session()}, generation.usage_wanted, std::move(generation.trace)};
    if (generation.delivery == Delivery::in_parts) {
        PartSink sink = [&out](ModelAnswer part) { return out.write(std::move(part)); };
        co_await model_->stream(std::move(request), *generation.note, std::move(sink));
        co_return;
    }
    ModelAnswer answer = co_await model_->generate(std::move(request), *generation.note);
    co_await out.write(std::move(answer));
}

/// Of a job of a former run, whose text is all that there is.
net::awaitable<SharedText> Generator::prepare(Dialect dialect, SharedText request) const {
    auto preparing = heavy_->run(
        request.size(), [&] { return model_->prepare(dialect, Delivery::whole, parse_json(request), request); });
    try {
        co_return co_await std::move(preparing);
    } catch (const JsonError& error) {
        throw UpstreamError{Failure{400, "bad_request", std::string{"the request is not JSON: "} + error.what()}};
    } catch (const BadRequest& error) {  // another upstream than when it was accepted
        throw UpstreamError{Failure{400, "bad_request", error.what()}};
    }
}

}  // namespace gateway
