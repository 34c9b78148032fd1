// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_REMOTE_MODEL_HPP
#define GATEWAY_UPSTREAM_REMOTE_MODEL_HPP

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <gateway/base/heavy_work.hpp>
#include <gateway/dialects/part_translator.hpp>
#include <gateway/upstream/api.hpp>
#include <gateway/upstream/counters.hpp>
#include <gateway/upstream/http_transport.hpp>
#include <gateway/upstream/model.hpp>
#include <gateway/upstream/retry.hpp>
#include <gateway/upstream/token_source.hpp>
#include <gateway/upstream/turns.hpp>
#include <gateway/upstream/verdict.hpp>

namespace gateway {

struct RemoteModelOptions {
    Origin origin;
    RetryOptions retry;
    /// For one attempt, over connecting, sending and the whole response; of one in parts, up to its head, and then for
    /// each time that something of it comes.
    std::chrono::milliseconds attempt_timeout{300'000};
    /// Attempts under way at a time; fewer as long as the upstream answers with 429. > 0
    std::size_t max_under_way = 256;
    /// The header in which the upstream is told of a request's session; empty: it is not.
    std::string session_header = {};
};

/// A model behind HTTP: asks when its upstream takes more, and asks again where that is safe.
///
/// A 429 says that it was too early: the request waits, as long as it takes, and all others with it (Pacer). What else
/// is tried again is a fault, of which there may be so many (RetryOptions::max_attempts, RetryBudget).
///
/// Each attempt is a span of its own (traceparent) in the request's trace.
class RemoteModel : public Model {
  public:
    /// tokens: null, requests carry none. transport and heavy must outlive the model.
    RemoteModel(std::unique_ptr<Api> api, HttpTransport& transport, std::unique_ptr<TokenSource> tokens,
                HeavyWork& heavy, RemoteModelOptions options);

    /// The body that is sent to the upstream.
    [[nodiscard]] SharedText prepare(Dialect dialect, Delivery delivery, const Json& request,
                                     const SharedText& text) const override;

    /// See Model. A 401 is tried once more with a new token, if there is another one to be had.
    net::awaitable<ModelAnswer> generate(ModelRequest request, WaitNote& note) override;

    /// The same. Nothing is tried again once the upstream has begun to answer.
    net::awaitable<void> stream(ModelRequest request, WaitNote& note, PartSink sink) override;

    /// Thread-safe.
    [[nodiscard]] UpstreamCounters counters() const;

  private:
    struct Attempt;
    struct Asked;

    template <typename T>
    net::awaitable<T> counted(net::awaitable<T> answering);
    net::awaitable<ModelAnswer> answer_whole(ModelRequest request, WaitNote& note);
    net::awaitable<void> answer_in_parts(ModelRequest request, WaitNote& note, PartSink sink);
    /// Asks until there is an answer, of which turn is told only what came before.
    net::awaitable<Attempt> ask(const Asked& asked, WaitNote& note, Turns::Turn& turn);
    /// Whether there is another token than this one, which the upstream does not take.
    net::awaitable<bool> renew(const std::string& token);
    net::awaitable<Attempt> attempt(const Asked& asked, const UpstreamRequest& message);
    net::awaitable<Attempt> open(const ModelRequest& request, UpstreamRequest message, Clock::time_point deadline,
                                 std::string_view token);
    net::awaitable<Attempt> read(const ModelRequest& request, HttpResponse response, std::string_view token);
    Attempt read_answer(const ModelRequest& request, const HttpResponse& response) const;
    /// These return whether the response has been read to its end.
    net::awaitable<bool> hand_on(const ModelRequest& request, const Attempt& begun, const PartSink& sink);
    net::awaitable<bool> hand_on_events(PartTranslator& translator, ResponseReader& reader, const PartSink& sink);
    /// Until the attempt after that many; throws UpstreamError when there should be none.
    std::chrono::milliseconds pause_after(const Attempt& last, std::size_t attempts);

    std::unique_ptr<Api> api_;
    HttpTransport& transport_;
    std::unique_ptr<TokenSource> tokens_;
    HeavyWork& heavy_;
    const RemoteModelOptions options_;
    const std::string authority_;
    Turns turns_;
    RetryBudget budget_{Clock::now()};
    std::atomic<std::uint64_t> requests_{0}, attempts_{0}, retries_{0}, retries_denied_{0}, limited_{0}, failures_{0};
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_REMOTE_MODEL_HPP
