// SPDX-License-Identifier: Apache-2.0
// The page for the people who run the gateway. Its files are beside this one, and become a part of the program.
#ifndef GATEWAY_PAGE_PAGE_HPP
#define GATEWAY_PAGE_PAGE_HPP

#include <span>
#include <string_view>

#include <gateway/http/message.hpp>

namespace gateway {

/// A file of the page. All are the same for everybody, and have no secrets.
struct PageFile {
    std::string_view path;  ///< under which it is served: "/" or "/page/<name>"
    std::string_view content_type;
    std::string_view etag;  ///< with its quotes; changes with the text
    std::string_view text;
};

/// All of them. CMake writes what this returns (cmake/embed_page.cmake).
[[nodiscard]] std::span<const PageFile> page_files();

/// The one that is served under path; null: none is.
[[nodiscard]] const PageFile* find_page_file(std::string_view path);

/// The answer to a GET of file: 304 if the client has it already. Lets the page load what is the gateway's own, and
/// nothing from elsewhere, and run no script and style but its files.
[[nodiscard]] HttpResponse page_response(const PageFile& file, const HttpRequest& request);

}  // namespace gateway

#endif  // GATEWAY_PAGE_PAGE_HPP
