// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/generations.hpp>

#include <exception>
#include <stdexcept>
#include <utility>

#include <boost/beast/core/string.hpp>

#include <gateway/api/answer_events.hpp>
#include <gateway/api/events.hpp>
#include <gateway/api/job_text.hpp>
#include <gateway/api/request_trace.hpp>
#include <gateway/api/session.hpp>
#include <gateway/api/store_unavailable.hpp>
#include <gateway/api/waiting.hpp>
#include <gateway/base/quote.hpp>
#include <gateway/base/run_cancellable.hpp>
#include <gateway/base/sha256.hpp>
#include <gateway/conversation/bad_request.hpp>
#include <gateway/conversation/find_member.hpp>
#include <gateway/dialects/translate.hpp>
#include <gateway/log/log.hpp>

namespace gateway {

namespace {

constexpr std::size_t longest_name = 256;  // of a session, or an idempotency key

/// A request that is refused with a code of its own.
class RequestFailed : public std::runtime_error {
  public:
    explicit RequestFailed(Failure failure) : std::runtime_error{failure.message}, failure_{std::move(failure)} {}
    [[nodiscard]] const Failure& failure() const { return failure_; }

  private:
    Failure failure_;
};

/// Gives up the wait for a job when the client leaves.
class Watch {
  public:
    Watch(HttpPeer& peer, const WatchedJob& job) : peer_{peer} {
        peer_.watch([job] { job.give_up(); });
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() { peer_.watch(nullptr); }

  private:
    HttpPeer& peer_;
};

Failure failure_of(const Refused& refused) {
    switch (refused.why()) {
        case Refused::Why::shutting_down:
            return {503, "shutting_down", refused.what(), true, std::chrono::seconds{5}};
        case Refused::Why::not_stored:
            return {503, "not_stored", refused.what(), true, std::chrono::seconds{1}};
        case Refused::Why::key_reused:
            return {422, "idempotency_key_reused", refused.what(), false, std::nullopt};
        case Refused::Why::full:
            break;
    }
    return {503, "overloaded", refused.what(), true, std::chrono::seconds{1}};
}

HttpResponse compressed(ErrorShape shape, std::string_view coding) {
    HttpResponse response = error_response(
        shape, failure_of_status(415, "Content-Encoding is " + quote(coding) + ": send the body as it is"));
    response.set(http::field::accept_encoding, "identity");
    return response;
}

HttpResponse accepted(const std::string& id) {
    HttpResponse response = json_response(http::status::accepted, Json{{"job_id", id}});
    response.set(http::field::location, "/jobs/" + id);
    response.set("X-Job-Id", id);
    return response;
}

/// Who waited does so no longer, or cannot.
HttpResponse goes_on(ErrorShape shape, const std::string& id) {
    if (shape == ErrorShape::own) {
        return accepted(id);
    }
    HttpResponse response = error_response(
        shape,
        {503, "pending", "the job goes on: GET /jobs/" + id + " tells how it ends", true, std::chrono::seconds{5}});
    response.set("X-Job-Id", id);
    return response;
}

HttpResponse describe_own(const Outcome& outcome) {
    HttpResponse response = json_text_response(http::status::ok, job_text(outcome.state, outcome.id, outcome.stored));
    if (outcome.state.status == JobStatus::pending) {
        response.result(http::status::service_unavailable);
        response.set(http::field::retry_after, "5");
    } else if (outcome.state.status == JobStatus::failed) {
        const Failure failure = read_failure(outcome.state.result);
        response.result(failure.status);
        if (failure.retry_after) {
            response.set(http::field::retry_after, std::to_string(failure.retry_after->count()));
        }
    }
    return response;
}

HttpResponse describe_as_model(ErrorShape shape, const Outcome& outcome) {
    if (outcome.state.status == JobStatus::pending) {
        return error_response(
            shape, {503, "shutting_down", "the gateway is shutting down: the job goes on when it is started again",
                    true, std::chrono::seconds{5}});
    }
    if (outcome.state.status == JobStatus::failed) {
        return error_response(shape, read_failure(outcome.state.result));
    }
    HttpResponse response = json_text_response(http::status::ok, std::string{outcome.state.result.view()});
    if (!outcome.stored) {
        response.set("X-Stored", "false");
    }
    return response;
}

/// Who has run a job, and how long it had waited for that.
void set_worker(HttpResponse& response, std::size_t worker, std::chrono::duration<double, std::milli> queued) {
    response.set("X-Worker", std::to_string(worker));
    response.set("X-Queue-Time-Ms", std::to_string(queued.count()));
}

HttpResponse describe(ErrorShape shape, const JobEnd& end) {
    if (end.error) {
        std::rethrow_exception(end.error);
    }
    const Outcome& outcome = end.outcome;
    HttpResponse response = shape == ErrorShape::own ? describe_own(outcome) : describe_as_model(shape, outcome);
    response.set("X-Job-Id", outcome.id);
    if (outcome.worker) {
        set_worker(response, *outcome.worker, outcome.queued);
    }
    return response;
}

/// The value of a header that is there once at most, and not too long. Throws BadRequest.
std::string header(const HttpRequest& request, std::string_view name) {
    const beast::string_view field{name.data(), name.size()};
    if (request.count(field) > 1) {
        throw BadRequest{std::string{name} + " is there more than once"};
    }
    std::string value{view(request[field])};
    if (value.size() > longest_name) {
        throw BadRequest{std::string{name} + " has " + std::to_string(value.size()) + " bytes: it must have at most " +
                         std::to_string(longest_name)};
    }
    return value;
}

/// Of all that is asked for, but for the session, which changes nothing in the answer.
std::string fingerprint(const GenerationCall& call, std::string_view text) {
    std::string all = std::to_string(static_cast<int>(call.dialect)) + ' ' + call.model + '\n';
    all += text;
    const Sha256 digest = sha256(all);
    return {digest.begin(), digest.end()};
}

bool wants_stream(const Json& request) {
    const Json* const stream = find_member(request, "stream");
    return stream != nullptr && *stream == true;
}

/// That a stream of the chat dialect ends with what it has cost.
bool wants_usage(const Json& request) {
    const Json* const options = find_member(request, "stream_options");
    const Json* const usage = options != nullptr ? find_member(*options, "include_usage") : nullptr;
    return usage != nullptr && *usage == true;
}

HttpResponse beginning_of(const LiveAnswer& answer) {
    HttpResponse response = events_response();
    response.set("X-Job-Id", answer.id());
    set_worker(response, answer.worker(), answer.queued());
    return response;
}

}  // namespace

struct Generations::Headers {
    std::string session;
    std::string key;
    bool hint = false;  ///< the client takes X-Job-Id before the response
};

net::awaitable<HttpReply> Generations::answer(HttpRequest& request, HttpPeer& peer, GenerationCall call) {
    const std::string_view coding = view(request[http::field::content_encoding]);
    if (!coding.empty() && !beast::iequals({coding.data(), coding.size()}, "identity")) {
        co_return compressed(call.shape, coding);
    }
    Headers headers;
    JobRequest asked;
    try {
        headers.session = header(request, "X-Session-Id");
        headers.key = header(request, "Idempotency-Key");
        headers.hint = http::token_list{request["Prefer"]}.exists("early-hints");
        SharedText text{std::move(request.body())};
        auto taking = heavy_.run(text.size(), [&] { return take_in(call, headers, text); });
        asked = co_await std::move(taking);
        asked.trace = trace_of(request);
        if (!asked.session.empty()) {
            request.set("X-Session-Id", asked.session);  // for the access log, where it was found in the body
        }
    } catch (const JsonError& error) {
        co_return error_response(call.shape,
                                 failure_of_status(400, std::string{"the body is not JSON: "} + error.what()));
    } catch (const RequestFailed& error) {
        co_return error_response(call.shape, error.failure());
    } catch (const Unsupported& error) {
        Failure failure = failure_of_status(400, error.what());
        failure.code = call.shape == ErrorShape::own ? failure.code : "unsupported";
        co_return error_response(call.shape, failure);
    } catch (const BadRequest& error) {
        co_return error_response(call.shape, failure_of_status(400, error.what()));
    }
    peer.release_body();  // from here on the service counts it
    co_return co_await answer_taken(request, call, std::move(asked), headers.hint, peer);
}

net::awaitable<HttpReply> Generations::answer_taken(const HttpRequest& request, const GenerationCall& call,
                                                    JobRequest asked, bool hint, HttpPeer& peer) {
    try {
        if (call.delivery == Delivery::in_parts) {
            co_return co_await stream(std::move(asked), peer, call.shape);
        }
        if (!call.wait) {
            co_return accepted(co_await service_.accept(std::move(asked)));
        }
        const Waiting waiting{waiting_, options_.max_waiting};
        WatchedJob job = co_await service_.accept_and_watch(std::move(asked));
        if (hint) {
            co_await peer.hint("X-Job-Id", job.id());
        }
        co_return co_await wait_for(std::move(job), peer, call.shape);
    } catch (const Refused& refused) {
        co_return error_response(call.shape, failure_of(refused));
    } catch (const JobFailed& error) {
        HttpResponse response = error_response(call.shape, error.failure());
        response.set("X-Job-Id", error.id());
        co_return response;
    } catch (const StoreError& error) {
        co_return store_unavailable(request, call.shape, error);
    }
}

net::awaitable<HttpReply> Generations::stream(JobRequest asked, HttpPeer& peer, ErrorShape shape) {
    auto waiting = std::make_unique<Waiting>(waiting_, options_.max_waiting);
    const auto left = std::make_shared<net::cancellation_signal>();
    std::unique_ptr<LiveAnswer> answer;
    std::exception_ptr error;
    bool departed = false;
    peer.watch([left, &departed] {
        departed = true;
        left->emit(net::cancellation_type::terminal);
    });
    if (!departed) {
        try {
            auto beginning = run_cancellable(service_.stream(std::move(asked)), left);
            answer = co_await std::move(beginning);
        } catch (...) {
            error = std::current_exception();
        }
    }
    peer.watch(nullptr);
    if (departed && !answer) {
        co_return error_response(
            shape, {499, "client_left", "the client closed its half of the connection before the answer began", true,
                    std::nullopt});
    }
    if (error) {
        std::rethrow_exception(error);
    }
    HttpReply reply{beginning_of(*answer), nullptr};
    reply.rest = std::make_unique<AnswerEvents>(std::move(answer), shape, std::move(waiting), options_.heartbeat);
    std::optional<std::string> first = co_await reply.rest->next();  // is there: it goes with the head
    reply.response.body() = std::move(first).value_or("");
    co_return reply;
}

JobRequest Generations::take_in(GenerationCall& call, Headers headers, SharedText text) const {
    const Json json = parse_json(text);
    check_request(call.dialect, json);
    if (call.dialect == Dialect::chat && wants_stream(json)) {
        call.delivery = Delivery::in_parts;
    }
    if (call.delivery == Delivery::in_parts && !headers.key.empty()) {
        throw Unsupported{"Idempotency-Key cannot be had with an answer in parts, which is not kept: leave it out"};
    }
    check_model(call, json);
    JobRequest asked;
    asked.dialect = call.dialect;
    asked.prepared = options_.prepare ? options_.prepare(call.dialect, call.delivery, json, text) : text;
    asked.usage_wanted = call.dialect == Dialect::chat && wants_usage(json);
    asked.session = std::move(headers.session);
    if (asked.session.empty() && options_.derive_sessions) {
        asked.session = session_of(call.dialect, json);
    }
    if (!headers.key.empty()) {
        asked.key = IdempotencyKey{std::move(headers.key), fingerprint(call, text)};
    }
    asked.request = std::move(text);
    return asked;
}

void Generations::check_model(const GenerationCall& call, const Json& request) const {
    if (call.shape == ErrorShape::own || options_.model.any) {
        return;
    }
    const std::string asked = call.dialect == Dialect::chat ? string_in(request, "model") : call.model;
    if (asked != options_.model.name) {
        throw RequestFailed{
            Failure{404, "model_not_found",
                    "there is no model " + quote(asked) + ": this gateway serves " + quote(options_.model.name), false,
                    std::nullopt}};
    }
}

net::awaitable<HttpResponse> Generations::wait_for(WatchedJob job, HttpPeer& peer, ErrorShape shape) {
    std::optional<JobEnd> end;
    {
        const Watch watch{peer, job};
        end = co_await job.end();
    }
    if (!end) {
        co_return goes_on(shape, job.id());
    }
    auto describing = heavy_.run(end->outcome.state.result.size(), [&] { return describe(shape, *end); });
    co_return co_await std::move(describing);
}

net::awaitable<HttpResponse> Generations::cancel(const HttpRequest& request, std::string id, HttpPeer& peer) {
    try {
        const Waiting waiting{waiting_, options_.max_waiting};
        std::optional<WatchedJob> job = co_await service_.cancel(std::move(id));
        if (!job) {
            co_return error_response(http::status::not_found, "there is no such job, or its time to live is over");
        }
        std::optional<JobEnd> end;
        {
            const Watch watch{peer, *job};
            end = co_await job->end();
        }
        if (!end) {
            co_return accepted(job->id());
        }
        const JobState& state = end->outcome.state;
        if (state.status == JobStatus::failed && read_failure(state.result).code == "cancelled") {
            co_return json_text_response(http::status::ok, job_text(state, job->id(), end->outcome.stored));
        }
        co_return error_response(
            {409, "already_ended", "the job has ended: GET /jobs/" + job->id() + " tells how", false, std::nullopt});
    } catch (const Refused& refused) {
        co_return error_response(failure_of(refused));
    } catch (const StoreError& error) {
        co_return store_unavailable(request, ErrorShape::own, error);
    }
}

}  // namespace gateway
