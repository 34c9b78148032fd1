// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_GENERATIONS_HPP
#define GATEWAY_API_GENERATIONS_HPP

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <gateway/api/error_shape.hpp>
#include <gateway/api/model_list.hpp>
#include <gateway/base/heavy_work.hpp>
#include <gateway/base/net.hpp>
#include <gateway/conversation/delivery.hpp>
#include <gateway/conversation/dialect.hpp>
#include <gateway/http/message.hpp>
#include <gateway/http/peer.hpp>
#include <gateway/http/reply.hpp>
#include <gateway/service/service.hpp>

namespace gateway {

/// What the path of a request for a generation says of it.
struct GenerationCall {
    ErrorShape shape = ErrorShape::own;
    Dialect dialect = Dialect::gemini;
    bool wait = true;  ///< the response is that of the model, and not that of the gateway
    /// How the answer is wanted; one of the chat dialect says so in the body.
    Delivery delivery = Delivery::whole;
    std::string model = {};  ///< that is asked for; empty: it may be named in the body
};

struct GenerationsOptions {
    /// Clients that may wait for their jobs at a time; past it, 503.
    std::size_t max_waiting = 768;
    /// Model::prepare() of the model at hand. Empty: it can be given all, as it is.
    std::function<SharedText(Dialect dialect, Delivery delivery, const Json& request, const SharedText& text)> prepare =
        {};
    /// That clients may ask for by name.
    ServedModel model = {};
    /// The time after which a stream whose model is silent says that it goes on.
    std::chrono::milliseconds heartbeat{15'000};
    /// A request without X-Session-Id belongs to the session that session_of() finds in it.
    bool derive_sessions = true;
};

/// Takes requests for generations, in any API, and answers them. Thread-safe; service and heavy must outlive it.
class Generations {
  public:
    Generations(GenerationService& service, HeavyWork& heavy, GenerationsOptions options)
        : service_{service}, heavy_{heavy}, options_{std::move(options)} {}

    /// The response to peer's request, from which it takes the body. One that is wanted in parts begins with the first:
    /// what fails before that is told as for any other.
    net::awaitable<HttpReply> answer(HttpRequest& request, HttpPeer& peer, GenerationCall call);

    /// Has a job cancelled, as request asks, and says how it ended then.
    net::awaitable<HttpResponse> cancel(const HttpRequest& request, std::string id, HttpPeer& peer);

    [[nodiscard]] const ServedModel& model() const { return options_.model; }

  private:
    struct Headers;

    /// Sets call.delivery.
    JobRequest take_in(GenerationCall& call, Headers headers, SharedText text) const;
    void check_model(const GenerationCall& call, const Json& request) const;
    net::awaitable<HttpReply> answer_taken(const HttpRequest& request, const GenerationCall& call, JobRequest asked,
                                           bool hint, HttpPeer& peer);
    net::awaitable<HttpReply> stream(JobRequest asked, HttpPeer& peer, ErrorShape shape);
    net::awaitable<HttpResponse> wait_for(WatchedJob job, HttpPeer& peer, ErrorShape shape);

    GenerationService& service_;
    HeavyWork& heavy_;
    const GenerationsOptions options_;
    std::atomic<std::size_t> waiting_{0};
};

}  // namespace gateway

#endif  // GATEWAY_API_GENERATIONS_HPP
