# SPDX-License-Identifier: Apache-2.0
#
# Standalone Asio 1.22.1 or later, which ships no CMake files: the target Asio::Asio.
#
# Looked for in this order: a target asio::asio or asio of the surrounding project, headers on the
# system (or below Asio_ROOT), and, where DISPATCH_FETCH_ASIO is on, the release below.
set(Asio_NOT_FOUND_MESSAGE "Install standalone Asio 1.22.1 or later (Debian, Ubuntu: libasio-dev), or set Asio_ROOT to where it is.")

if(TARGET Asio::Asio)
    find_package(Threads REQUIRED)  # imported targets are those of the directory that asks
    set(Asio_FOUND TRUE)
    return()
endif()

set(Asio_VERSION "")
if(TARGET asio::asio OR TARGET asio)
    set(Asio_INCLUDE_DIR "provided by a target of the surrounding project")
else()
    find_path(Asio_INCLUDE_DIR asio/awaitable.hpp)
    if(NOT Asio_INCLUDE_DIR AND DISPATCH_FETCH_ASIO)
        message(STATUS "dispatch: Asio is not installed: fetching release 1.38.2")
        include(FetchContent)
        # The commit of the release: as good as a hash of its contents.
        FetchContent_Declare(asio_source
            GIT_REPOSITORY https://github.com/chriskohlhoff/asio.git
            GIT_TAG 8806a6803cde7054c3049d3666d3ec36786568c5
            SOURCE_SUBDIR no_cmake_files_here)
        FetchContent_MakeAvailable(asio_source)
        foreach(directory include asio/include)
            if(EXISTS "${asio_source_SOURCE_DIR}/${directory}/asio/version.hpp")
                set(Asio_INCLUDE_DIR "${asio_source_SOURCE_DIR}/${directory}" CACHE PATH "" FORCE)
            endif()
        endforeach()
    endif()
    if(Asio_INCLUDE_DIR)
        file(STRINGS "${Asio_INCLUDE_DIR}/asio/version.hpp" asio_version_line REGEX "#define ASIO_VERSION [0-9]+")
        string(REGEX MATCH "#define ASIO_VERSION ([0-9]+)" asio_version_line "${asio_version_line}")
        set(asio_version_number "${CMAKE_MATCH_1}")
        math(EXPR asio_major "${asio_version_number} / 100000")
        math(EXPR asio_minor "${asio_version_number} / 100 % 1000")
        math(EXPR asio_patch "${asio_version_number} % 100")
        set(Asio_VERSION "${asio_major}.${asio_minor}.${asio_patch}")
    endif()
endif()

set(asio_is_usable TRUE)
if(Asio_VERSION AND Asio_VERSION VERSION_LESS 1.22.1)
    set(Asio_NOT_FOUND_MESSAGE "Asio ${Asio_VERSION} in ${Asio_INCLUDE_DIR} is too old. ${Asio_NOT_FOUND_MESSAGE}")
    set(asio_is_usable FALSE)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Asio REQUIRED_VARS Asio_INCLUDE_DIR asio_is_usable
                                  REASON_FAILURE_MESSAGE "${Asio_NOT_FOUND_MESSAGE}")
mark_as_advanced(Asio_INCLUDE_DIR)

if(Asio_FOUND)
    find_package(Threads REQUIRED)
    add_library(Asio::Asio INTERFACE IMPORTED GLOBAL)
    if(TARGET asio::asio)
        target_link_libraries(Asio::Asio INTERFACE asio::asio)
    elseif(TARGET asio)
        target_link_libraries(Asio::Asio INTERFACE asio)
    else()
        target_include_directories(Asio::Asio SYSTEM INTERFACE "${Asio_INCLUDE_DIR}")
        target_compile_definitions(Asio::Asio INTERFACE ASIO_STANDALONE)
        target_link_libraries(Asio::Asio INTERFACE Threads::Threads)
        if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND Asio_VERSION VERSION_LESS 1.26)
            # Before 1.26 Asio looks for Clang's coroutines in <experimental/coroutine> alone.
            target_compile_definitions(Asio::Asio INTERFACE ASIO_HAS_CO_AWAIT ASIO_HAS_STD_COROUTINE)
        endif()
    endif()
endif()
