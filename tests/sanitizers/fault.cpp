// SPDX-License-Identifier: Apache-2.0
//
// fault address|undefined|thread: does what that sanitizer has to report. Built as the tests are, it shows that
// a build with sanitizers is one, and that what they find fails it.
#include <cstdio>
#include <limits>
#include <memory>
#include <string_view>
#include <thread>

#include <dispatch/detail/base/config.hpp>

namespace {

int after_free() {
#if defined(DISPATCH_ADDRESS_SANITIZER)  // as the library sees it, which then does not recycle memory
    auto owner = std::make_unique<volatile int>(1);
    const volatile int* const gone = owner.get();
    owner.reset();
    return *gone;
#else
    std::puts("the headers do not see the address sanitizer");
    return 0;
#endif
}

int overflow(int sign) { return std::numeric_limits<int>::max() + sign; }

int race() {
    int shared = 0;
    std::thread other{[&shared] { ++shared; }};
    ++shared;
    other.join();
    return shared;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "";
    int result = 0;
    if (what == "address") {
        result = after_free();
    } else if (what == "undefined") {
        result = overflow(argc - 1);
    } else if (what == "thread") {
        result = race();
    }
    std::printf("%s: nobody noticed (%d)\n", argv[0], result);
    return 0;
}
