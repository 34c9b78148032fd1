// SPDX-License-Identifier: Apache-2.0
// The work that the workers do. It knows the pool's JobContext, and nothing of HTTP.
#ifndef EXAMPLES_HTTP_SERVER_AGGREGATE_HPP
#define EXAMPLES_HTTP_SERVER_AGGREGATE_HPP

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <dispatch/pool.hpp>

#include "sha256.hpp"

namespace example {

/// A request body: a JSON array of numbers, or an object whose member "values" is one (its other
/// members are ignored).
struct AggregateRequest {
    std::string body;
};

/// What a body holds, and how the job fared.
struct Aggregate {
    std::size_t count = 0;
    double sum = 0;
    double min = std::numeric_limits<double>::infinity();   ///< of no numbers: infinity
    double max = -std::numeric_limits<double>::infinity();  ///< of no numbers: -infinity
    std::string sha256;
    std::size_t worker = 0;
    std::string session;  ///< empty: none
    std::chrono::microseconds queued{};
};

using Pool = dispatch::WorkerPool<AggregateRequest, Aggregate>;

/// The body is not what AggregateRequest says. It travels from the handler to the submitter as it is.
class BadBody : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

namespace detail {

inline nlohmann::json parse_json(std::string_view body) {
    try {
        return nlohmann::json::parse(body);
    } catch (const nlohmann::json::exception& error) {
        // The parser quotes what it read last, which may be as long as the body.
        constexpr std::size_t longest = 240;
        std::string why = error.what();
        if (why.size() > longest) {
            why.replace(longest, std::string::npos, "...");
        }
        throw BadBody{"the body is not JSON: " + why};
    }
}

inline const nlohmann::json& values_of(const nlohmann::json& document) {
    if (document.is_array()) {
        return document;
    }
    if (!document.is_object()) {
        throw BadBody{std::string{"the body is of type "} + document.type_name() +
                      ": it must be an array of numbers, or an object with an array \"values\""};
    }
    const auto values = document.find("values");
    if (values == document.end()) {
        throw BadBody{"the object in the body has no member \"values\""};
    }
    if (!values->is_array()) {
        throw BadBody{std::string{"\"values\" is of type "} + values->type_name() + ": it must be an array of numbers"};
    }
    return *values;
}

}  // namespace detail

/// Throws BadBody.
inline Aggregate aggregate_body(std::string_view body) {
    const nlohmann::json document = detail::parse_json(body);
    Aggregate result;
    for (const nlohmann::json& value : detail::values_of(document)) {
        if (!value.is_number()) {
            throw BadBody{"value " + std::to_string(result.count) + " is of type " + value.type_name() +
                          ": all values must be numbers"};
        }
        const double number = value.get<double>();
        ++result.count;
        result.sum += number;
        result.min = std::min(result.min, number);
        result.max = std::max(result.max, number);
    }
    if (!std::isfinite(result.sum)) {
        throw BadBody{"the sum of the values is too large for a double"};
    }
    result.sha256 = sha256_hex(body);
    return result;
}

/// The handler: one job, run on its worker's strand.
inline Aggregate run_aggregate(AggregateRequest request, dispatch::JobContext& context) {
    Aggregate result = aggregate_body(request.body);
    result.worker = context.worker_id();
    result.session = context.session();
    result.queued = std::chrono::duration_cast<std::chrono::microseconds>(context.queued_for());
    return result;
}

}  // namespace example

#endif  // EXAMPLES_HTTP_SERVER_AGGREGATE_HPP
