// SPDX-License-Identifier: Apache-2.0
//
// A response in parts: as a Stream, and as one writes it without, with a channel that goes along with the request.
#ifndef DISPATCH_BENCHMARKS_STREAMS_HPP
#define DISPATCH_BENCHMARKS_STREAMS_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <dispatch/pool.hpp>
#include <dispatch/stream.hpp>

#include "asio.hpp"

namespace bench {

/// Each part of the response to a request is the request.
enum class Reader { awaits_each, takes_what_is_there };

/// A pool of 4 workers whose responses have so many parts.
template <Reader reader>
class Streams {
    using Stream = dispatch::Stream<std::uint64_t>;
    using Pool = dispatch::WorkerPool<std::uint64_t, Stream>;

  public:
    Streams(const net::any_io_executor& executor, std::size_t parts)
        : parts_{parts}, pool_{dispatch::spawn_workers<std::uint64_t, Stream>(executor, 4, Write{parts})} {}

    struct Operation {
        using Response = std::uint64_t;
        Pool* pool;
        std::size_t parts;

        net::awaitable<std::uint64_t> operator()(std::uint64_t request) const { return read(*pool, request, parts); }
    };
    Operation operation() { return {&pool_, parts_}; }
    net::any_io_executor executor() const { return pool_.get_executor(); }

  private:
    struct Write {
        std::size_t parts;

        net::awaitable<void> operator()(std::uint64_t request, dispatch::Writer<std::uint64_t>& out) const {
            for (std::size_t i = 0; i != parts; ++i) {
                co_await out.write(request);
            }
        }
    };

    static net::awaitable<std::uint64_t> read(Pool& pool, std::uint64_t request, std::size_t parts) {
        Stream stream = co_await pool.submit(std::nullopt, request);
        std::uint64_t sum = 0;
        while (const std::optional<std::uint64_t> part = co_await stream.next()) {
            sum += *part;
            if constexpr (reader == Reader::takes_what_is_there) {
                while (const std::optional<std::uint64_t> more = stream.try_next()) {
                    sum += *more;
                }
            }
        }
        co_return sum / parts;
    }

    const std::size_t parts_;
    Pool pool_;
};

/// The same by hand: the handler sends the parts into a channel, and then an empty one.
class Channels {
    using Channel =
        net::experimental::concurrent_channel<void(dispatch::detail::net_error, std::optional<std::uint64_t>)>;

    struct Request {
        std::uint64_t number;
        std::shared_ptr<Channel> parts_to;
    };
    using Pool = dispatch::WorkerPool<Request, void>;

  public:
    Channels(const net::any_io_executor& executor, std::size_t parts)
        : parts_{parts}, pool_{dispatch::spawn_workers<Request, void>(executor, 4, Write{parts})} {}

    struct Operation {
        using Response = std::uint64_t;
        Pool* pool;
        std::size_t parts;

        net::awaitable<std::uint64_t> operator()(std::uint64_t request) const { return read(*pool, request, parts); }
    };
    Operation operation() { return {&pool_, parts_}; }
    net::any_io_executor executor() const { return pool_.get_executor(); }

  private:
    struct Write {
        std::size_t parts;

        net::awaitable<void> operator()(Request request) const {
            for (std::size_t i = 0; i != parts; ++i) {
                const std::optional<std::uint64_t> part{request.number};
                co_await request.parts_to->async_send({}, part, net::use_awaitable);
            }
            const std::optional<std::uint64_t> end;
            co_await request.parts_to->async_send({}, end, net::use_awaitable);
        }
    };

    static net::awaitable<std::uint64_t> sum_of(std::shared_ptr<Channel> channel) {
        std::uint64_t sum = 0;
        while (const std::optional<std::uint64_t> part = co_await channel->async_receive(net::use_awaitable)) {
            sum += *part;
        }
        co_return sum;
    }

    static net::awaitable<std::uint64_t> read(Pool& pool, std::uint64_t number, std::size_t parts) {
        using namespace net::experimental::awaitable_operators;
        auto channel = std::make_shared<Channel>(co_await net::this_coro::executor, 16);
        Request request{number, channel};
        const std::uint64_t sum =
            co_await (pool.submit(std::nullopt, std::move(request), net::use_awaitable) && sum_of(channel));
        co_return sum / parts;
    }

    const std::size_t parts_;
    Pool pool_;
};

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_STREAMS_HPP
