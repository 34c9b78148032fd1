# SPDX-License-Identifier: Apache-2.0
#
# dispatch_add_compiled(FLAVOUR): the targets dispatch::FLAVOUR_compiled, which is dispatch::FLAVOUR with what does not
# depend on the types of requests, responses and handlers compiled once. It is built in the project that uses it, with
# the flags of that, and only if something links to it.
function(dispatch_add_compiled flavour)
    set(target dispatch_${flavour}_compiled)
    if(TARGET ${target})
        return()
    endif()
    add_library(${target} STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/compiled.cpp")
    target_compile_definitions(${target} PUBLIC DISPATCH_SEPARATE_COMPILATION)
    target_link_libraries(${target} PUBLIC dispatch::${flavour})
    add_library(dispatch::${flavour}_compiled ALIAS ${target})
endfunction()
