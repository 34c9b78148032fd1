# SPDX-License-Identifier: Apache-2.0
#
# What cmake --install puts in place: the headers, a package for find_package, and one for pkg-config. All of
# it can be moved, and serves both flavours, whichever Asio was there at the time.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# One set of targets for each flavour: the package loads those whose Asio it has found.
set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/dispatch")
foreach(flavour asio boost)
    install(TARGETS dispatch_${flavour} EXPORT dispatch-${flavour}-targets
            FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
    install(EXPORT dispatch-${flavour}-targets NAMESPACE dispatch:: DESTINATION "${package_dir}")
endforeach()
install(TARGETS dispatch EXPORT dispatch-targets)
install(EXPORT dispatch-targets NAMESPACE dispatch:: DESTINATION "${package_dir}")
configure_package_config_file(cmake/dispatch-config.cmake.in dispatch-config.cmake
                              INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO
                              NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(dispatch-config-version.cmake COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/dispatch-config.cmake" "${PROJECT_BINARY_DIR}/dispatch-config-version.cmake"
              cmake/FindAsio.cmake cmake/FindBoostAsio.cmake cmake/DispatchCompiled.cmake cmake/compiled.cpp
        DESTINATION "${package_dir}")

# pkg-config: dispatch-asio, dispatch-boost, and dispatch, which is the default one of them.
set(pc_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")
file(RELATIVE_PATH pc_prefix "${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
file(RELATIVE_PATH pc_includedir "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
# The definitions that Asio before 1.26 needs with Clang: later ones, and other compilers, have them anyway.
set(pc_cflags_asio "-DASIO_STANDALONE -DASIO_HAS_CO_AWAIT -DASIO_HAS_STD_COROUTINE")
set(pc_cflags_boost "-DDISPATCH_USE_BOOST_ASIO")
set(pc_title_asio "standalone Asio 1.22.1 or later")
set(pc_title_boost "Boost.Asio of Boost 1.81 or later")
foreach(flavour asio boost)
    # Neither Asio has a package for pkg-config everywhere: one where compilers do not look is named here.
    set(asio_dir "${${asio_of_${flavour}}_INCLUDE_DIR}")
    cmake_path(IS_PREFIX PROJECT_BINARY_DIR "${asio_dir}" NORMALIZE fetched)
    if(IS_DIRECTORY "${asio_dir}" AND NOT fetched AND NOT asio_dir IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
        string(APPEND pc_cflags_${flavour} " -isystem ${asio_dir}")
    endif()
    set(pc_title "${pc_title_${flavour}}")
    set(pc_cflags "${pc_cflags_${flavour}}")
    configure_file(cmake/dispatch-flavour.pc.in dispatch-${flavour}.pc @ONLY)
endforeach()
set(pc_title "${pc_title_${default_flavour}}")
configure_file(cmake/dispatch.pc.in dispatch.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/dispatch.pc" "${PROJECT_BINARY_DIR}/dispatch-asio.pc"
              "${PROJECT_BINARY_DIR}/dispatch-boost.pc"
        DESTINATION "${pc_dir}")
