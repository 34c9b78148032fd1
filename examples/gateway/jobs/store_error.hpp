// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JOBS_STORE_ERROR_HPP
#define GATEWAY_JOBS_STORE_ERROR_HPP

#include <cstdint>
#include <stdexcept>
#include <string>

namespace gateway {

/// The job store could not do what it was asked for. what() is for the operator: it names files.
class StoreError : public std::runtime_error {
  public:
    enum class Kind : std::uint8_t {
        unusable,    ///< the database cannot be opened; what() says what to do
        overloaded,  ///< as many operations wait as may; later there will be room
        failed,      ///< the database could not do it: a full disk, a failed write, an id that exists
    };

    StoreError(Kind kind, const std::string& what) : std::runtime_error{what}, kind_{kind} {}
    [[nodiscard]] Kind kind() const { return kind_; }

  private:
    Kind kind_;
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_STORE_ERROR_HPP
