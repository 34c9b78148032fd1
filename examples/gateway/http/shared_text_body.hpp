// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_SHARED_TEXT_BODY_HPP
#define GATEWAY_HTTP_SHARED_TEXT_BODY_HPP

#include <cstdint>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/optional/optional.hpp>

#include <gateway/base/net.hpp>
#include <gateway/base/shared_text.hpp>

namespace gateway {

/// A Body of Beast's, of messages that are sent: a request that is tried again, or copied for a retry, copies none of
/// its bytes.
struct SharedTextBody {
    using value_type = SharedText;

    static std::uint64_t size(const value_type& body) { return body.size(); }

    /// As Beast's BodyWriter wants it: all at once.
    class writer {
      public:
        using const_buffers_type = net::const_buffer;

        template <bool is_request, class Fields>
        writer(const boost::beast::http::header<is_request, Fields>& /*head*/, const value_type& body) : body_{body} {}

        void init(error_code& error) { error = {}; }

        boost::optional<std::pair<const_buffers_type, bool>> get(error_code& error) {
            error = {};
            return {{net::const_buffer{body_.view().data(), body_.size()}, false}};
        }

      private:
        const value_type& body_;
    };
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_SHARED_TEXT_BODY_HPP
