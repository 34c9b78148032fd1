# SPDX-License-Identifier: Apache-2.0
#
# add_gtest_program(PROGRAM [PREFIX]): the tests of a GoogleTest program as CTest's, each in a process of its own:
# PREFIX and the test's name. With DISPATCH_TEST_PROGRAMS the whole program is one test, PREFIX and the program's name:
# hundreds of processes fewer, which count where each starts slowly, as with sanitizers; and nothing is run to
# find the tests' names.
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
    set(prefix ${ARGN})
    if(DISPATCH_TEST_PROGRAMS)
        add_test(NAME "${prefix}${program}" COMMAND ${program} --gtest_brief=1)
        set_tests_properties("${prefix}${program}" PROPERTIES TIMEOUT 900)
    else()
        gtest_discover_tests(${program} TEST_PREFIX "${prefix}" DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
    endif()
endfunction()
