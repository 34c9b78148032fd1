# SPDX-License-Identifier: Apache-2.0
#
# embed_text(TARGET FILE FUNCTION HEADER): TARGET gets a source file that defines FUNCTION, which HEADER declares in the
# namespace gateway, to return the text of FILE as it was when the target was built.
set(embed_text_template "${CMAKE_CURRENT_LIST_DIR}/embedded_text.cpp.in")

function(embed_text target file function header)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    file(READ "${file}" text)
    set(source "${CMAKE_CURRENT_BINARY_DIR}/${function}.cpp")
    configure_file("${embed_text_template}" "${source}" @ONLY)
    target_sources(${target} PRIVATE "${source}")
endfunction()
