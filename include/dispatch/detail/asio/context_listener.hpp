// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_ASIO_CONTEXT_LISTENER_HPP
#define DISPATCH_DETAIL_ASIO_CONTEXT_LISTENER_HPP

#include <list>
#include <memory>
#include <mutex>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Something that holds strands, suspended coroutines or completion handlers of an execution context,
/// and must let go of them when that context is destroyed first: an asio::strand that outlives its
/// context is a use after free. Create it with listen().
class ContextListener {
  public:
    /// Called once while the context shuts down, with none of its threads running. Releases without
    /// invoking any handler, as Asio's own services do.
    virtual void context_shutdown() noexcept = 0;

    /// Called after that, when every function and coroutine that was left in the context has been
    /// destroyed, but not its strands: for what those coroutines refer to until then.
    virtual void context_emptied() noexcept {}

  protected:
    ContextListener() = default;
    ContextListener(const ContextListener&) = delete;
    ContextListener& operator=(const ContextListener&) = delete;
    ~ContextListener() { forget(); }

  private:
    using Entries = std::list<std::weak_ptr<ContextListener>>;

    /// Shared by the context's service and its listeners, whichever goes last.
    struct Registry {
        std::mutex mutex;
        Entries entries;
        bool closed = false;
    };

    class Service final : public net::execution_context::service {
      public:
        using key_type = Service;
        static inline net::execution_context::id id;

        explicit Service(net::execution_context& context) : net::execution_context::service{context} {}
        ~Service() override { for_each(&ContextListener::context_emptied); }

        const std::shared_ptr<Registry> registry = std::make_shared<Registry>();

      private:
        void shutdown() noexcept override {
            {
                const std::lock_guard lock{registry->mutex};
                if (std::exchange(registry->closed, true)) {
                    return;  // as some versions of Asio shut an io_context down in both of its destructors
                }
                entries_.swap(registry->entries);
            }
            for_each(&ContextListener::context_shutdown);
        }

        void for_each(void (ContextListener::*function)() noexcept) noexcept {
            for (const std::weak_ptr<ContextListener>& entry : entries_) {
                if (const std::shared_ptr<ContextListener> listener = entry.lock()) {
                    (*listener.*function)();
                }
            }
        }

        Entries entries_;
    };

    void forget() noexcept {
        if (registry_) {
            const std::lock_guard lock{registry_->mutex};
            if (!registry_->closed) {
                registry_->entries.erase(entry_);
            }
        }
    }

    template <typename Executor>
    friend void listen(const std::shared_ptr<ContextListener>& listener, const Executor& executor);

    std::shared_ptr<Registry> registry_;
    Entries::iterator entry_;
};

/// From now on listener hears when executor's context is destroyed.
template <typename Executor>
void listen(const std::shared_ptr<ContextListener>& listener, const Executor& executor) {
    net::execution_context& context = net::query(executor, net::execution::context);
    if (!net::has_service<ContextListener::Service>(context)) {
        // Services are shut down the latest first, so that of the strands has to be there before this one: what is
        // left in a strand is destroyed after the listeners have heard that the context goes, and strands are let go
        // of while their service is there.
        static_cast<void>(net::make_strand(executor));
    }
    const std::shared_ptr<ContextListener::Registry> registry =
        net::use_service<ContextListener::Service>(context).registry;
    const std::lock_guard lock{registry->mutex};
    listener->entry_ = registry->entries.insert(registry->entries.end(), listener);
    listener->registry_ = registry;
}

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_ASIO_CONTEXT_LISTENER_HPP
