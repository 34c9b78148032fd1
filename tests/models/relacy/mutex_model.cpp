// SPDX-License-Identifier: Apache-2.0
//
// detail/base/mutex.hpp: its states, and its parking, which two locks share. Three threads take a lock each some
// times, and add to what it guards.

#include <explore.hpp>
#include <model_std.hpp>

#include <dispatch/detail/base/mutex.hpp>

namespace {

using dispatch::detail::Mutex;

/// A lock and what it guards.
struct Section {
    Mutex mutex;
    model::Plain<int> inside{0};
    model::Plain<int> sections{0};

    void use() {
        const std::lock_guard lock{mutex};
        model::check(inside == 0, "two hold the lock");
        inside = 1;
        sections = sections + 1;
        inside = 0;
    }
};

/// Two in a row are at such a distance from one another that they have the same place to park.
struct Guarded : Section {
    std::array<std::byte, 1024 - sizeof(Section)> distance;
};

/// What most contend for.
struct OneLock : model::Execution, rl::test_suite<OneLock, 3> {
    Guarded guarded;

    void thread(unsigned index) {
        guarded.use();
        if (index == 0) {
            guarded.use();
        }
    }

    void after() { model::check(guarded.sections == 4, "a section is lost"); }
};

/// Whoever unlocks one wakes those who wait for the other, too.
struct SharedParking : model::Execution, rl::test_suite<SharedParking, 3> {
    std::array<Guarded, 2> guarded;

    void thread(unsigned index) {
        guarded[index % 2].use();
        if (index == 0) {
            guarded[1].use();
        }
    }

    void after() { model::check(guarded[0].sections == 2 && guarded[1].sections == 2, "a section is lost"); }
};

}  // namespace

int main(int argc, char** argv) { return model::explore<OneLock, SharedParking>(argc, argv, "4"); }
