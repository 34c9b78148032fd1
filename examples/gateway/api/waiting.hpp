// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_WAITING_HPP
#define GATEWAY_API_WAITING_HPP

#include <atomic>
#include <cstddef>

#include <gateway/service/service.hpp>

namespace gateway {

/// Counts a client that waits for a job, or for more of its answer. clients must outlive it.
class Waiting {
  public:
    /// Throws Refused, if there are more than most.
    Waiting(std::atomic<std::size_t>& clients, std::size_t most) : clients_{clients} {
        if (++clients_ > most) {
            --clients_;
            throw Refused{Refused::Why::full, "too many clients wait for their jobs: do not wait"};
        }
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { --clients_; }

  private:
    std::atomic<std::size_t>& clients_;
};

}  // namespace gateway

#endif  // GATEWAY_API_WAITING_HPP
