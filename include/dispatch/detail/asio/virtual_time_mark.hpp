// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_ASIO_VIRTUAL_TIME_MARK_HPP
#define DISPATCH_DETAIL_ASIO_VIRTUAL_TIME_MARK_HPP

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Tells an execution context whose time is virtual from others.
class VirtualTimeMark final : public net::execution_context::service {
  public:
    using key_type = VirtualTimeMark;
    static inline net::execution_context::id id;

    explicit VirtualTimeMark(net::execution_context& context) : net::execution_context::service{context} {}

    /// Marks context, which is a simulation::Context as well.
    static void put_on(net::execution_context& context, void* simulation) {
        net::use_service<VirtualTimeMark>(context).simulation_ = simulation;
    }

    /// The simulation::Context that context is; null if it is another one.
    static void* find(net::execution_context& context) {
        return net::has_service<VirtualTimeMark>(context) ? net::use_service<VirtualTimeMark>(context).simulation_
                                                          : nullptr;
    }

  private:
    void shutdown() noexcept override {}

    void* simulation_ = nullptr;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_ASIO_VIRTUAL_TIME_MARK_HPP
