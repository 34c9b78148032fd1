# SPDX-License-Identifier: Apache-2.0
#
# Boost.Asio of Boost 1.81 or later, headers only: the target BoostAsio::BoostAsio.
#
# Looked for in this order: a target Boost::asio, Boost::headers or Boost::boost of the surrounding project,
# and headers on the system (or below BoostAsio_ROOT).
set(BoostAsio_NOT_FOUND_MESSAGE "Install Boost 1.81 or later (Debian: libboost1.81-dev), or set BoostAsio_ROOT to where it is.")

if(TARGET BoostAsio::BoostAsio)
    find_package(Threads REQUIRED)  # imported targets are those of the directory that asks
    set(BoostAsio_FOUND TRUE)
    return()
endif()

set(boost_asio_target "")
foreach(target Boost::asio Boost::headers Boost::boost)
    if(TARGET ${target} AND NOT boost_asio_target)
        set(boost_asio_target ${target})
    endif()
endforeach()
if(boost_asio_target)
    set(BoostAsio_INCLUDE_DIR "provided by ${boost_asio_target} of the surrounding project")
    set(BoostAsio_VERSION "${Boost_VERSION_STRING}")  # which that project may not have
else()
    find_path(BoostAsio_INCLUDE_DIR boost/asio/awaitable.hpp)
    set(BoostAsio_VERSION "")
    if(BoostAsio_INCLUDE_DIR)
        file(STRINGS "${BoostAsio_INCLUDE_DIR}/boost/version.hpp" boost_version_line REGEX "#define BOOST_VERSION [0-9]+")
        string(REGEX MATCH "#define BOOST_VERSION ([0-9]+)" boost_version_line "${boost_version_line}")
        math(EXPR boost_major "${CMAKE_MATCH_1} / 100000")
        math(EXPR boost_minor "${CMAKE_MATCH_1} / 100 % 1000")
        set(BoostAsio_VERSION "${boost_major}.${boost_minor}")
    endif()
endif()

set(boost_asio_is_usable TRUE)
if(BoostAsio_VERSION AND BoostAsio_VERSION VERSION_LESS 1.81)
    set(BoostAsio_NOT_FOUND_MESSAGE
        "Boost ${BoostAsio_VERSION} (${BoostAsio_INCLUDE_DIR}) is too old. ${BoostAsio_NOT_FOUND_MESSAGE}")
    set(boost_asio_is_usable FALSE)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(BoostAsio REQUIRED_VARS BoostAsio_INCLUDE_DIR boost_asio_is_usable
                                  REASON_FAILURE_MESSAGE "${BoostAsio_NOT_FOUND_MESSAGE}")
mark_as_advanced(BoostAsio_INCLUDE_DIR)

if(BoostAsio_FOUND)
    find_package(Threads REQUIRED)
    add_library(BoostAsio::BoostAsio INTERFACE IMPORTED GLOBAL)
    target_link_libraries(BoostAsio::BoostAsio INTERFACE Threads::Threads)
    if(boost_asio_target)
        target_link_libraries(BoostAsio::BoostAsio INTERFACE ${boost_asio_target})
    else()
        target_include_directories(BoostAsio::BoostAsio SYSTEM INTERFACE "${BoostAsio_INCLUDE_DIR}")
    endif()
endif()
