// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_HAND_EACH_HPP
#define GATEWAY_UPSTREAM_HAND_EACH_HPP

#include <string>
#include <utility>
#include <vector>

#include <gateway/upstream/model.hpp>

namespace gateway {

/// Hands these texts to sink, each as a part.
inline net::awaitable<void> hand_each(std::vector<std::string> texts, const PartSink& sink) {
    for (std::string& text : texts) {
        ModelAnswer part{std::move(text), {}};
        co_await sink(std::move(part));
    }
}

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_HAND_EACH_HPP
