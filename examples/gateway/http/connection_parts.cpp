// SPDX-License-Identifier: Apache-2.0
// How an HttpConnection sends a body that comes in parts.
#include <charconv>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gateway/base/run_cancellable.hpp>
#include <gateway/http/connection.hpp>
#include <gateway/http/head_text.hpp>
#include <gateway/log/log.hpp>

namespace gateway {

namespace {

constexpr std::string_view last_chunk = "0\r\n\r\n";

/// What comes before a chunk of so many bytes.
std::string chunk_head(std::size_t size) {
    char digits[std::numeric_limits<std::size_t>::digits / 4];
    const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), size, 16);
    return std::string{std::begin(digits), end} + "\r\n";
}

void report_cut_off(const std::string& request_id, const std::exception_ptr& why) {
    try {
        std::rethrow_exception(why);
    } catch (const std::exception& error) {
        log::error("a response was cut off", {{"request_id", request_id}, {"error", reason(error)}});
    } catch (...) {
        log::error("a response was cut off", {{"request_id", request_id}, {"error", "not a std::exception"}});
    }
}

}  // namespace

/// Sends a response until its body is complete, or its client has left, which destroys rest.
net::awaitable<bool> HttpConnection::write_parts(const HttpResponse& beginning, std::unique_ptr<BodySource> rest) {
    const auto left = std::make_shared<net::cancellation_signal>();
    begin_transfer(Phase::writing);
    watch([left] { left->emit(net::cancellation_type::terminal); });
    bool written = departed_ != nullptr;  // else it has left already
    if (written) {
        auto writing = run_cancellable(write_each(beginning, *rest), left);
        written = co_await std::move(writing);
    }
    watch(nullptr);
    co_return written;
}

net::awaitable<bool> HttpConnection::write_each(const HttpResponse& beginning, BodySource& rest) {
    const bool chunked = beginning.chunked();
    std::exception_ptr cut_off;
    try {
        auto first = write_part(head_text(beginning), beginning.body(), chunked);
        bool written = co_await std::move(first);
        while (written) {
            phase_ = Phase::awaiting_part;
            std::optional<std::string> part = co_await rest.next();
            phase_ = Phase::writing;
            if (taken() == moved_) {  // else the client is still to take what it was sent before
                begin_period(moved_);
            }
            if (!part) {
                written = co_await write(chunked ? last_chunk : "", "");
                break;
            }
            auto writing = write_part("", std::move(*part), chunked);
            written = co_await std::move(writing);
        }
        co_return written;
    } catch (...) {
        cut_off = std::current_exception();
    }
    if (departed_) {  // else it was cancelled
        report_cut_off(request_id_, cut_off);
    }
    co_return false;
}

net::awaitable<bool> HttpConnection::write_part(std::string head, std::string part, bool chunked) {
    if (chunked && !part.empty()) {
        head += chunk_head(part.size());
        part += "\r\n";
    }
    co_return co_await write(head, part);
}

}  // namespace gateway
