// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_EMBEDDED_MODEL_HPP
#define GATEWAY_UPSTREAM_EMBEDDED_MODEL_HPP

#include <string_view>

#include <gateway/base/heavy_work.hpp>
#include <gateway/upstream/model.hpp>

namespace gateway {

/// What it says it is.
inline constexpr std::string_view embedded_name = "embedded";

/// A model that needs no network: babbles words in the order in which a small text of its own has them, and takes its
/// time as a real one does. The same request gets the same response.
///
/// Honours the most tokens (64 if none are said, 8192 at most), the first 16 stop sequences, up to 8 candidates, and
/// the seed. A token is a word. What it does not understand in a request is refused, as by an upstream's API.
class EmbeddedModel : public Model {
  public:
    /// token_rate: tokens a second, 0: all at once.
    /// heavy must outlive it.
    EmbeddedModel(double token_rate, HeavyWork& heavy) : token_rate_{token_rate}, heavy_{heavy} {}

    [[nodiscard]] SharedText prepare(Dialect dialect, Delivery delivery, const Json& request,
                                     const SharedText& text) const override;
    net::awaitable<ModelAnswer> generate(ModelRequest request, WaitNote& note) override;
    /// Word by word.
    net::awaitable<void> stream(ModelRequest request, WaitNote& note, PartSink sink) override;

  private:
    double token_rate_;
    HeavyWork& heavy_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_EMBEDDED_MODEL_HPP
