// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_HAND_EACH_HPP
#define GATEWAY_UPSTREAM_HAND_EACH_HPP

#include <string>
#include <utility>
#include <vector>

#include <gateway/upstream/model.hpp>

namespace gateway {

/// Hands these texts to sink, each as a part; the first one says what they have cost. If there is none, that is a part.
inline net::awaitable<void> hand_each(std::vector<std::string> texts, TokenUsage usage, const PartSink& sink) {
    if (texts.empty() && usage != TokenUsage{}) {
        texts.emplace_back();
    }
    for (std::string& text : texts) {
        ModelAnswer part{std::move(text), std::exchange(usage, {})};
        co_await sink(std::move(part));
    }
}

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_HAND_EACH_HPP
