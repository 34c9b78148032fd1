// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/store_unavailable.hpp>

#include <chrono>

#include <gateway/log/log.hpp>

namespace gateway {

HttpResponse store_unavailable(const HttpRequest& request, ErrorShape shape, const StoreError& error) {
    log::error("the store could not be read", {{"request_id", view(request["X-Request-Id"])}, {"error", error.what()}});
    return error_response(shape, {503, "store_unavailable", "the job could not be looked up: try again later", true,
                                  std::chrono::seconds{1}});
}

}  // namespace gateway
