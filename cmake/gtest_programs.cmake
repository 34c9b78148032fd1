# SPDX-License-Identifier: Apache-2.0
#
# add_gtest_program(PROGRAM [PREFIX]): the tests of a GoogleTest program as CTest's, each in a process of its own:
# PREFIX and the test's name. With DISPATCH_TEST_PROGRAMS the whole program is one test, PREFIX and the program's name:
# hundreds of processes fewer, which count where each starts slowly, as with sanitizers; and nothing is run to
# find the tests' names.
include(GoogleTest)
option(DISPATCH_TEST_PROGRAMS "Make each test program one test" OFF)

function(add_gtest_program program)
    set(prefix ${ARGN})
    if(DISPATCH_TEST_PROGRAMS)
        add_test(NAME "${prefix}${program}" COMMAND ${program} --gtest_brief=1)
        set_tests_properties("${prefix}${program}" PROPERTIES TIMEOUT 900)
    else()
        gtest_discover_tests(${program} TEST_PREFIX "${prefix}" DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
    endif()
endfunction()
