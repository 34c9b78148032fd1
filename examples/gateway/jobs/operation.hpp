// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JOBS_OPERATION_HPP
#define GATEWAY_JOBS_OPERATION_HPP

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <gateway/base/net.hpp>
#include <gateway/jobs/database.hpp>
#include <gateway/jobs/store_error.hpp>

namespace gateway {

/// A piece of work on a database, and who waits for it.
class Operation {
  public:
    Operation() = default;
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    virtual ~Operation() = default;

    /// Does the work, within a transaction. Keeps what it throws.
    void run() noexcept {
        try {
            work();
        } catch (const DatabaseError& error) {
            error_.emplace(StoreError::Kind::failed, error.what());
            blames_database_ = !error.is_constraint();
        } catch (const std::exception& error) {
            error_.emplace(StoreError::Kind::failed, error.what());
        }
    }

    /// Why the work failed.
    [[nodiscard]] const std::optional<StoreError>& error() const { return error_; }

    /// It failed as the database could not do it, and not as it asked for what cannot be.
    [[nodiscard]] bool blames_database() const { return blames_database_; }

    /// It was not done, or is undone.
    void fail(const StoreError& why) { error_.emplace(why); }

    /// Tells who waits, on its executor, never from within this call. Once: after the transaction, or instead of it.
    virtual void complete() = 0;

  private:
    virtual void work() = 0;

    std::optional<StoreError> error_;
    bool blames_database_ = false;
};

/// The operation of an Asio completion handler with the signature void(std::exception_ptr, Result), Result being what
/// work() returns. committed(result) is called by complete() if nothing failed.
template <typename Work, typename Committed, typename Handler>
class AsyncOperation final : public Operation {
  public:
    AsyncOperation(Work work, Committed committed, Handler handler)
        : work_{std::move(work)},
          committed_{std::move(committed)},
          executor_{net::prefer(net::get_associated_executor(handler), net::execution::outstanding_work.tracked)},
          handler_{std::move(handler)} {}

    void complete() override {
        std::exception_ptr failure;
        if (error()) {
            failure = std::make_exception_ptr(*error());
            result_ = Result{};
        } else {
            committed_(std::as_const(result_));
        }
        net::post(executor_,
                  [handler = std::move(handler_), failure = std::move(failure), result = std::move(result_)]() mutable {
                      std::move(handler)(std::move(failure), std::move(result));
                  });
    }

  private:
    using Result = std::invoke_result_t<Work&>;

    void work() override { result_ = work_(); }

    Work work_;
    Committed committed_;
    Result result_{};
    // Counts as outstanding work as long as it is there, and there is no other copy: a thread pool that has been joined
    // is not used any more, and may go before the store.
    net::any_io_executor executor_;
    Handler handler_;
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_OPERATION_HPP
