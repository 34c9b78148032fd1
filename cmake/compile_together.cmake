# SPDX-License-Identifier: Apache-2.0
#
# compile_together(TARGET n): n source files of a target are compiled at a time, as half of what the compiler does is the
# same for all. Not where precompiled headers are disabled, too: there each file has to include what it needs.
function(compile_together target n)
    if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
        set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${n})
        if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
            # It takes each file's anonymous namespace for a header's.
            target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
        endif()
    endif()
endfunction()
