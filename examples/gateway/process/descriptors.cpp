// SPDX-License-Identifier: Apache-2.0
#include <gateway/process/descriptors.hpp>

#include <algorithm>
#include <limits>
#include <sys/resource.h>

namespace gateway {

std::size_t raise_descriptor_limit() {
    constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
    struct rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return unlimited;
    }
    if (struct rlimit raised = limit; raised.rlim_cur < raised.rlim_max) {
        raised.rlim_cur = raised.rlim_max;
        if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            limit = raised;
        }
    }
    return limit.rlim_cur == RLIM_INFINITY ? unlimited : static_cast<std::size_t>(limit.rlim_cur);
}

DescriptorPlan plan_descriptors(std::size_t limit, const DescriptorPlan& wanted) {
    const std::size_t available = limit - std::min(limit, DescriptorPlan::reserve);
    if (wanted.clients <= available && wanted.upstream <= available - wanted.clients) {
        return wanted;
    }
    DescriptorPlan plan;
    plan.upstream = std::min(wanted.upstream, std::max<std::size_t>(available / 2, 1));
    plan.clients = std::clamp<std::size_t>(available - std::min(available, plan.upstream), 1, wanted.clients);
    return plan;
}

}  // namespace gateway
