// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_BENCHMARKS_PERCENTILE_HPP
#define DISPATCH_BENCHMARKS_PERCENTILE_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

/// The least of the values that at least this share of them does not exceed (the nearest rank): one of the values,
/// never something in between. share: above 0, up to 1. Changes the order of the values. Throws std::invalid_argument
/// if there are none, or share is not a share.
inline double percentile(std::vector<double>& values, double share) {
    if (values.empty()) {
        throw std::invalid_argument{"there is no percentile of no values"};
    }
    if (!(share > 0 && share <= 1)) {
        throw std::invalid_argument{"a percentile's share is " + std::to_string(share) +
                                    ": it must be above 0, up to 1"};
    }
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::min(rank, values.size()) - 1);
    std::nth_element(values.begin(), nth, values.end());
    return *nth;
}

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_PERCENTILE_HPP
