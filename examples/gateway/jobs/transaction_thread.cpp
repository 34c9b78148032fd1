// SPDX-License-Identifier: Apache-2.0
#include <gateway/jobs/transaction_thread.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace gateway {

TransactionThread::TransactionThread(Database& database, Options options)
    : database_{database},
      options_{std::move(options)},
      statements_{database, options_.mode == Mode::write ? TransactionStatements::Begin::immediate
                                                         : TransactionStatements::Begin::deferred},
      watch_{options_.patience},
      thread_{[this] { loop(); }} {}

TransactionThread::~TransactionThread() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

std::size_t TransactionThread::queued() const {
    const std::lock_guard lock{mutex_};
    return unfinished_;
}

void TransactionThread::enqueue(std::unique_ptr<Operation> operation) {
    {
        const std::lock_guard lock{mutex_};
        if (unfinished_ < options_.max_queued) {
            waiting_.push_back(std::move(operation));
            ++unfinished_;
            // Under the lock: once it is gone, the operation may complete, and this go with the store.
            wake_.notify_one();
            return;
        }
    }
    operation->fail(StoreError{StoreError::Kind::overloaded, std::to_string(options_.max_queued) +
                                                                 " operations wait for the database: try again later"});
    operation->complete();
}

void TransactionThread::loop() {
    for (;;) {
        const Batch batch = next_batch();
        if (batch.empty()) {
            return;
        }
        run(batch);
        {
            // Before they complete: who asks for more then finds room.
            const std::lock_guard lock{mutex_};
            unfinished_ -= batch.size();
        }
        for (const auto& operation : batch) {
            operation->complete();
        }
    }
}

TransactionThread::Batch TransactionThread::next_batch() {
    std::unique_lock lock{mutex_};
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), max_batch));
    Batch batch{std::move_iterator{waiting_.begin()}, std::move_iterator{end}};
    waiting_.erase(waiting_.begin(), end);
    return batch;
}

void TransactionThread::run(const Batch& batch) {
    watch_.begin();
    bool well = false;
    try {
        well = run_in_transaction(batch);
    } catch (const std::exception& error) {
        for (const auto& operation : batch) {
            operation->fail(StoreError{StoreError::Kind::failed, error.what()});
        }
    }
    watch_.end(well);
}

bool TransactionThread::run_in_transaction(const Batch& batch) {
    const auto check = [this] {
        if (options_.check) {
            options_.check();
        }
    };
    check();
    Transaction transaction{statements_};
    for (const auto& operation : batch) {
        operation->run();
        if (!database_.in_transaction()) {
            throw StoreError{operation->error().value()};  // it took the others with it
        }
    }
    transaction.commit();
    check();
    return std::ranges::none_of(batch, [](const auto& operation) { return operation->blames_database(); });
}

}  // namespace gateway
