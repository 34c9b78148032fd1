# SPDX-License-Identifier: Apache-2.0
#
# add_gtest_program(PROGRAM [PREFIX prefix] [SHARDS n] [ONE_THREAD filter]): the tests of a GoogleTest program as CTest's,
# each in a process of its own: the prefix and the test's name. With DISPATCH_TEST_PROGRAMS the whole program is one test
# (or n, for large ones), the prefix and the program's name: hundreds of processes fewer, which count where each starts
# slowly, as with sanitizers; and nothing is run to find the tests' names. Those of the filter have one thread and take
# long, so that Clang's search for data races compiles them, and leaves them out.
include(GoogleTest)
option(DISPATCH_TEST_PROGRAMS "Make each test program one test" OFF)

# How a test program is built that is through in a moment: without optimization, which takes GCC longer than all else.
# (The last -O counts.)
if(NOT TARGET test_programs)
    add_library(test_programs INTERFACE)
    target_link_libraries(test_programs INTERFACE dispatch_programs)
    target_compile_options(test_programs INTERFACE -O0)
endif()

function(add_gtest_program program)
    cmake_parse_arguments(PARSE_ARGV 1 test "" "PREFIX;SHARDS;ONE_THREAD" "")
    if(NOT DISPATCH_TEST_PROGRAMS)
        gtest_discover_tests(${program} TEST_PREFIX "${test_PREFIX}" DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
        return()
    endif()
    if(NOT test_SHARDS)
        set(test_SHARDS 1)
    endif()
    foreach(shard RANGE 1 ${test_SHARDS})
        set(name "${test_PREFIX}${program}")
        if(test_SHARDS GREATER 1)
            string(APPEND name "_${shard}")
        endif()
        math(EXPR index "${shard} - 1")
        add_test(NAME "${name}" COMMAND ${program} --gtest_brief=1)
        set(environment "GTEST_TOTAL_SHARDS=${test_SHARDS}" "GTEST_SHARD_INDEX=${index}")
        if(test_ONE_THREAD AND "thread" IN_LIST DISPATCH_SANITIZE)
            list(APPEND environment "GTEST_FILTER=-${test_ONE_THREAD}")
        endif()
        set_tests_properties("${name}" PROPERTIES TIMEOUT 900 ENVIRONMENT "${environment}")
    endforeach()
endfunction()
