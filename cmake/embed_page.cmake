# SPDX-License-Identifier: Apache-2.0
#
# embed_page(DIR SOURCE): writes SOURCE, which defines page_files() of the gateway's page/page.hpp, with the files in DIR
# that browsers load. Their texts are part of the program then. CMake runs again when one of them changes.
function(embed_page dir source)
    set(html "text/html; charset=utf-8")
    set(css "text/css; charset=utf-8")
    set(js "text/javascript; charset=utf-8")
    set(svg "image/svg+xml")
    file(GLOB files CONFIGURE_DEPENDS "${dir}/*.html" "${dir}/*.css" "${dir}/*.js" "${dir}/*.svg")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${files})
    set(entries "")
    foreach(file IN LISTS files)
        get_filename_component(name "${file}" NAME)
        get_filename_component(extension "${file}" LAST_EXT)
        string(SUBSTRING "${extension}" 1 -1 extension)
        set(path "/page/${name}")
        if(name STREQUAL "index.html")
            set(path "/")
        endif()
        file(READ "${file}" text)
        file(SHA256 "${file}" hash)
        string(SUBSTRING "${hash}" 0 16 hash)
        string(APPEND entries "    {\"${path}\", \"${${extension}}\", \"\\\"${hash}\\\"\", R\"page(${text})page\"},\n")
    endforeach()
    file(CONFIGURE OUTPUT "${source}" @ONLY CONTENT [[
// Written by CMake (embed_page.cmake).
#include <gateway/page/page.hpp>

namespace gateway {

std::span<const PageFile> page_files() {
    static constexpr PageFile files[]{
@entries@    };
    return files;
}

}  // namespace gateway
]])
endfunction()
