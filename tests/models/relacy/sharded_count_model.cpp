// SPDX-License-Identifier: Apache-2.0
//
// detail/base/sharded_ptr.hpp: two threads each take a reference while they hold another, and drop both; the owner
// goes meanwhile. Exactly one finds that it is the last, and what the others did before it did has happened.

#include <explore.hpp>
#include <model_std.hpp>

#include <dispatch/detail/base/sharded_ptr.hpp>

namespace {

struct ShardedCountModel : model::Execution, rl::test_suite<ShardedCountModel, 3> {
    dispatch::detail::ShardedCount count;
    /// What the references are to: each uses it, the last one destroys it.
    std::array<model::Plain<int>, 3> uses;
    int last_ones = 0;

    void before() {
        count.add();
        count.add();
    }

    void thread(unsigned index) {
        if (index == 2) {
            uses[2] = 1;
            return gone(count.close());
        }
        uses[index] = 1;
        count.add();
        gone(count.drop());
        uses[index] = 2;
        gone(count.drop());
    }

    void gone(bool last) {
        if (last) {
            ++last_ones;
            for (auto& use : uses) {
                model::check(use != 0, "gone too early");
                use = 0;
            }
        }
    }

    void after() { model::check(last_ones == 1, "not exactly one is the last"); }
};

}  // namespace

int main(int argc, char** argv) { return model::explore<ShardedCountModel>(argc, argv, "4"); }
