// SPDX-License-Identifier: Apache-2.0
#include <gateway/page/page.hpp>

#include <algorithm>

namespace gateway {

namespace {

constexpr std::string_view content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

/// Whether wanted, an If-None-Match, names etag. No ETag of ours has a comma or a quote in it, so none is part of
/// another; a weak one (W/"...") is as good.
bool names(std::string_view wanted, std::string_view etag) {
    return wanted == "*" || wanted.find(etag) != std::string_view::npos;
}

}  // namespace

const PageFile* find_page_file(std::string_view path) {
    const std::span<const PageFile> files = page_files();
    const auto found = std::ranges::find(files, path, &PageFile::path);
    return found == files.end() ? nullptr : &*found;
}

HttpResponse page_response(const PageFile& file, const HttpRequest& request) {
    HttpResponse response{http::status::ok, 11};
    response.set(http::field::etag, file.etag);
    response.set(http::field::cache_control, "no-cache");
    response.set("Content-Security-Policy", content_security_policy);
    response.set("Cross-Origin-Resource-Policy", "same-origin");
    response.set("Referrer-Policy", "no-referrer");
    response.set("X-Content-Type-Options", "nosniff");
    response.content_length(file.text.size());  // also of a 304, which has no body
    if (names(view(request[http::field::if_none_match]), file.etag)) {
        response.result(http::status::not_modified);
        return response;
    }
    response.set(http::field::content_type, file.content_type);
    response.body() = file.text;
    return response;
}

}  // namespace gateway
