// SPDX-License-Identifier: Apache-2.0
//
// What a listener hears of its context's end: each thing once, and in order.
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include <dispatch/detail/asio/context_listener.hpp>

#include "../support/asio.hpp"

namespace context_listener_test {

namespace net = dispatch::net;

class Listener final : public dispatch::detail::ContextListener {
  public:
    explicit Listener(std::string& heard) : heard_{heard} {}

  private:
    void context_shutdown() noexcept override { heard_ += "shutdown "; }
    void context_emptied() noexcept override { heard_ += "emptied "; }

    std::string& heard_;
};

/// As an io_context of newer versions of Asio: its destructor shuts it down before that of its base does so.
class TwiceShutDown : public net::io_context {
  public:
    ~TwiceShutDown() { shutdown(); }
};

template <typename Context>
std::string heard_of() {
    std::string heard;
    const auto listener = std::make_shared<Listener>(heard);
    {
        Context context;
        listen(listener, context.get_executor());
        EXPECT_EQ(heard, "");
    }
    return heard;
}

TEST(ContextListener, HearsThatItsContextShutsDownAndThatItIsEmpty) {
    EXPECT_EQ(heard_of<net::io_context>(), "shutdown emptied ");
}

TEST(ContextListener, HearsThatOnceOfAContextThatIsShutDownTwice) {
    EXPECT_EQ(heard_of<TwiceShutDown>(), "shutdown emptied ");
}

TEST(ContextListener, HearsNothingOnceItHasGone) {
    std::string heard;
    {
        net::io_context context;
        listen(std::make_shared<Listener>(heard), context.get_executor());
    }
    EXPECT_EQ(heard, "");
}

}  // namespace context_listener_test
