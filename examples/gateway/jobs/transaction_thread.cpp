// SPDX-License-Identifier: Apache-2.0
#include "transaction_thread.hpp"

#include <algorithm>
#include <iterator>

namespace gateway {

TransactionThread::TransactionThread(Database& database, Mode mode, std::size_t max_queued)
    : database_{database},
      begin_{mode == Mode::write ? "BEGIN IMMEDIATE" : "BEGIN"},
      max_queued_{max_queued},
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
        if (unfinished_ < max_queued_) {
            waiting_.push_back(std::move(operation));
            ++unfinished_;
            // Under the lock: once it is gone, the operation may complete, and this go with the store.
            wake_.notify_one();
            return;
        }
    }
    operation->fail(StoreError{StoreError::Kind::overloaded,
                               std::to_string(max_queued_) + " operations wait for the database: try again later"});
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
    try {
        Transaction transaction{database_, begin_};
        for (const auto& operation : batch) {
            operation->run();
            if (!database_.in_transaction()) {
                throw StoreError{operation->error().value()};  // it took the others with it
            }
        }
        transaction.commit();
    } catch (const std::exception& error) {
        for (const auto& operation : batch) {
            operation->fail(StoreError{StoreError::Kind::failed, error.what()});
        }
    }
}

}  // namespace gateway
