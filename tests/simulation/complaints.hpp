// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_COMPLAINTS_HPP
#define DISPATCH_TESTS_SIMULATION_COMPLAINTS_HPP

#include <cstddef>
#include <sstream>
#include <string>
#include <vector>

namespace sim {

/// What was not as it must be. The first is what matters; the rest mostly follow from it.
class Complaints {
  public:
    template <typename... Parts>
    void add(const Parts&... parts) {
        std::ostringstream text;
        (text << ... << parts);
        list_.push_back(text.str());
    }

    template <typename... Parts>
    void unless(bool right, const Parts&... parts) {
        if (!right) [[unlikely]] {
            add(parts...);
        }
    }

    bool any() const noexcept { return !list_.empty(); }
    const std::vector<std::string>& list() const noexcept { return list_; }

  private:
    std::vector<std::string> list_;
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_COMPLAINTS_HPP
