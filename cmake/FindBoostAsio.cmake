# SPDX-License-Identifier: Apache-2.0
#
# Boost.Asio of Boost 1.81 or later, headers only: the target BoostAsio::BoostAsio.
if(NOT TARGET BoostAsio::BoostAsio)
    find_package(Threads REQUIRED)
    find_path(BoostAsio_INCLUDE_DIR boost/asio/awaitable.hpp)
    if(BoostAsio_INCLUDE_DIR)
        file(STRINGS "${BoostAsio_INCLUDE_DIR}/boost/version.hpp" boost_version_line REGEX "#define BOOST_VERSION [0-9]+")
        string(REGEX MATCH "#define BOOST_VERSION ([0-9]+)" boost_version_line "${boost_version_line}")
        if(CMAKE_MATCH_1 LESS 108100)
            message(FATAL_ERROR "dispatch: Boost ${CMAKE_MATCH_1} in ${BoostAsio_INCLUDE_DIR} is too old: 1.81 or later "
                                "is needed. Install one, or set BoostAsio_ROOT to where it is.")
        endif()
        add_library(BoostAsio::BoostAsio INTERFACE IMPORTED GLOBAL)
        target_include_directories(BoostAsio::BoostAsio SYSTEM INTERFACE "${BoostAsio_INCLUDE_DIR}")
        target_link_libraries(BoostAsio::BoostAsio INTERFACE Threads::Threads)
    endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(BoostAsio REQUIRED_VARS BoostAsio_INCLUDE_DIR
    REASON_FAILURE_MESSAGE "Install Boost 1.81 or later (Debian: libboost1.81-dev), or set BoostAsio_ROOT.")
mark_as_advanced(BoostAsio_INCLUDE_DIR)
