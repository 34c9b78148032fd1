// SPDX-License-Identifier: Apache-2.0
//
// The parts of a stream between writers and reader, one call after the other.
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/stream/part_queue.hpp>

#include "../support/asio.hpp"

namespace part_queue_test {

namespace net = dispatch::net;
using dispatch::detail::net_error;
using dispatch::detail::Waiter;
using Executor = net::any_io_executor;

using Part = std::unique_ptr<int>;

/// Operations that nobody completes: the test looks at them.
template <typename Base>
struct Waiting : Base {
    using Base::Base;
    void run() override {}
    void post(const Executor& /*native*/) noexcept override {}
    void destroy() noexcept override {}
};

struct ReadingBase : Waiter<Executor, std::exception_ptr, std::optional<Part>> {
    ReadingBase() : Waiter<Executor, std::exception_ptr, std::optional<Part>>{nullptr} {}
    std::exception_ptr error() const { return std::get<0>(this->result->arguments); }
    const std::optional<Part>& part() const { return std::get<1>(this->result->arguments); }
};
using Reading = Waiting<ReadingBase>;

struct WritingBase : Waiter<Executor, net_error> {
    explicit WritingBase(int value) : Waiter<Executor, net_error>{nullptr}, part{std::make_unique<int>(value)} {}
    Part part;
};
using Writing = Waiting<WritingBase>;

using Queue = dispatch::detail::PartQueue<Part, Reading, Writing>;
using Write = Queue::Write;
using Read = Queue::Read;

Queue::Written write(Queue& queue, int value) {
    Part part = std::make_unique<int>(value);
    const auto written = queue.write(part);
    EXPECT_EQ(part == nullptr, written.what == Write::done || written.what == Write::opens);
    return written;
}

TEST(PartQueue, OpensWithItsFirstPart) {
    Queue queue{2};
    EXPECT_EQ(write(queue, 1).what, Write::opens);
    EXPECT_EQ(write(queue, 2).what, Write::done);
    EXPECT_EQ(write(queue, 3).what, Write::full);
    EXPECT_FALSE(queue.close(nullptr).opens);
}

TEST(PartQueue, OpensWithItsEndOtherwise) {
    Queue queue{2};
    const auto left = queue.close(std::make_exception_ptr(1));
    EXPECT_TRUE(left.opens);
    EXPECT_TRUE(left.error);
    const auto got = queue.read();
    EXPECT_EQ(got.what, Read::end);
    EXPECT_FALSE(got.error);  // whoever waited for the stream has it
}

TEST(PartQueue, GivesThePartsInOrderAndThenTheErrorOnce) {
    Queue queue{3};
    write(queue, 1);
    write(queue, 2);
    EXPECT_FALSE(queue.close(std::make_exception_ptr(std::runtime_error{"end"})).error);
    EXPECT_EQ(**queue.read().part, 1);
    EXPECT_EQ(**queue.try_read().part, 2);
    EXPECT_EQ(queue.try_read().what, Read::none);  // leaves the error
    const auto end = queue.read();
    EXPECT_EQ(end.what, Read::end);
    EXPECT_TRUE(end.error);
    EXPECT_FALSE(queue.read().error);
}

TEST(PartQueue, GivesAPartToTheReaderThatWaits) {
    Queue queue{1};
    write(queue, 1);
    static_cast<void>(queue.read());
    Reading reader;
    EXPECT_EQ(queue.read(reader).what, Read::none);
    EXPECT_EQ(queue.read().what, Read::is_busy);
    Reading second;
    EXPECT_EQ(queue.read(second).what, Read::is_busy);
    EXPECT_EQ(queue.try_read().what, Read::none);
    const auto written = write(queue, 2);
    EXPECT_EQ(written.what, Write::done);
    ASSERT_EQ(written.reader, &reader);
    EXPECT_EQ(**reader.part(), 2);
    EXPECT_EQ(queue.read().what, Read::none);
    EXPECT_FALSE(queue.remove(reader));
}

TEST(PartQueue, MovesTheFirstWriterThatWaitsUp) {
    Queue queue{1};
    write(queue, 1);
    Writing second{2};
    Writing third{3};
    EXPECT_EQ(queue.write(second).what, Write::full);
    EXPECT_EQ(queue.write(third).what, Write::full);
    auto got = queue.read();
    EXPECT_EQ(**got.part, 1);
    EXPECT_EQ(got.writer, &second);
    EXPECT_FALSE(queue.remove(second));
    EXPECT_EQ(write(queue, 4).what, Write::full);  // nobody overtakes
    got = queue.try_read();
    EXPECT_EQ(**got.part, 2);
    EXPECT_EQ(got.writer, &third);
    got = queue.read();
    EXPECT_EQ(**got.part, 3);
    EXPECT_EQ(got.writer, nullptr);
}

TEST(PartQueue, TakesAnOperationAtOnceWhereItCan) {
    Queue queue{1};
    Writing writer{1};
    EXPECT_EQ(queue.write(writer).what, Write::opens);
    EXPECT_FALSE(queue.remove(writer));
    Reading reader;
    EXPECT_EQ(**queue.read(reader).part, 1);
    EXPECT_FALSE(queue.remove(reader));
}

TEST(PartQueue, ForgetsWhoGivesUp) {
    Queue queue{1};
    Reading reader;
    EXPECT_EQ(queue.read(reader).what, Read::none);
    EXPECT_TRUE(queue.remove(reader));
    EXPECT_FALSE(queue.remove(reader));
    EXPECT_EQ(write(queue, 1).reader, nullptr);
    Writing second{2};
    Writing third{3};
    static_cast<void>(queue.write(second));
    static_cast<void>(queue.write(third));
    EXPECT_TRUE(queue.remove(second));
    EXPECT_EQ(queue.read().writer, &third);
    EXPECT_EQ(**queue.read().part, 3);
}

TEST(PartQueue, LetsGoOfAllWhoWaitWhenTheWritersEnd) {
    Queue queue{1};
    write(queue, 1);
    Writing writer{2};
    static_cast<void>(queue.write(writer));
    EXPECT_TRUE(queue.is_open());
    auto left = queue.close(nullptr);
    EXPECT_FALSE(queue.is_open());
    EXPECT_EQ(left.reader, nullptr);
    EXPECT_EQ(left.writers.pop_front(), &writer);
    EXPECT_TRUE(left.writers.empty());
    EXPECT_EQ(write(queue, 3).what, Write::unread);
    Writing late{4};
    EXPECT_EQ(queue.write(late).what, Write::unread);
    EXPECT_EQ(**queue.read().part, 1);
    EXPECT_EQ(queue.read().what, Read::end);
}

TEST(PartQueue, GivesTheErrorToTheReaderThatWaits) {
    Queue queue{1};
    write(queue, 1);
    static_cast<void>(queue.read());
    Reading reader;
    static_cast<void>(queue.read(reader));
    const auto left = queue.close(std::make_exception_ptr(1));
    ASSERT_EQ(left.reader, &reader);
    EXPECT_TRUE(reader.error());
    EXPECT_FALSE(reader.part().has_value());
    EXPECT_FALSE(left.error);
    EXPECT_FALSE(queue.read().error);
}

TEST(PartQueue, KeepsNothingForAReaderThatHasGone) {
    Queue queue{1};
    write(queue, 1);
    Writing writer{2};
    static_cast<void>(queue.write(writer));
    auto left = queue.abandon();
    EXPECT_FALSE(queue.is_open());
    EXPECT_EQ(left.writers.pop_front(), &writer);
    EXPECT_EQ(write(queue, 3).what, Write::unread);
    EXPECT_EQ(queue.try_read().what, Read::none);
    EXPECT_FALSE(queue.close(nullptr).opens);
}

TEST(PartQueue, ReturnsTheReaderThatWaitsWhenItIsAbandoned) {
    Queue queue{1};
    write(queue, 1);
    static_cast<void>(queue.read());
    Reading reader;
    static_cast<void>(queue.read(reader));
    EXPECT_EQ(queue.abandon().reader, &reader);
    EXPECT_FALSE(queue.remove(reader));
}

TEST(PartQueue, GivesUpThoseWhoWaitUntold) {
    Queue queue{1};
    Reading reader;
    static_cast<void>(queue.read(reader));
    EXPECT_EQ(queue.take_waiters().reader, &reader);
    EXPECT_FALSE(queue.remove(reader));
    write(queue, 1);
    Writing writer{2};
    static_cast<void>(queue.write(writer));
    auto left = queue.take_waiters();
    EXPECT_EQ(left.reader, nullptr);
    EXPECT_EQ(left.writers.pop_front(), &writer);
    EXPECT_TRUE(queue.take_waiters().writers.empty());
    EXPECT_EQ(queue.read().writer, nullptr);
}

}  // namespace part_queue_test
