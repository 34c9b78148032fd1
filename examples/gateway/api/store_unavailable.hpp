// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_STORE_UNAVAILABLE_HPP
#define GATEWAY_API_STORE_UNAVAILABLE_HPP

#include <gateway/api/error_shape.hpp>
#include <gateway/http/message.hpp>
#include <gateway/jobs/store_error.hpp>

namespace gateway {

/// The response to a request for which the store had to be read, and could not; says so in the log as well.
[[nodiscard]] HttpResponse store_unavailable(const HttpRequest& request, ErrorShape shape, const StoreError& error);

}  // namespace gateway

#endif  // GATEWAY_API_STORE_UNAVAILABLE_HPP
