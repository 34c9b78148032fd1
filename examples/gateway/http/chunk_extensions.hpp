// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_CHUNK_EXTENSIONS_HPP
#define GATEWAY_HTTP_CHUNK_EXTENSIONS_HPP

#include <cstddef>
#include <cstdint>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

#include <gateway/base/net.hpp>

namespace gateway {

/// Bounds what the chunks of a body may say about themselves; for parser::on_chunk_header. Beast takes as much of it as
/// comes, and between quotes any byte. Two parties that differ on where such a line ends differ on where the request
/// does.
class ChunkExtensions {
  public:
    /// limit: bytes, in all chunks of a body together.
    explicit ChunkExtensions(std::size_t limit) : left_{limit} {}

    void operator()(std::uint64_t /*chunk_size*/, boost::beast::string_view extensions, error_code& error) {
        if (extensions.find_first_of("\r\n") != boost::beast::string_view::npos) {
            error = boost::beast::http::error::bad_chunk_extension;
        } else if (extensions.size() > left_) {
            error = boost::beast::http::error::header_limit;
        } else {
            left_ -= extensions.size();
        }
    }

  private:
    std::size_t left_;
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_CHUNK_EXTENSIONS_HPP
