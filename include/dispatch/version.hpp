// SPDX-License-Identifier: Apache-2.0
// The version of the library, as three numbers. This is the only place that states it; CMakeLists.txt reads it here.
#ifndef DISPATCH_VERSION_HPP
#define DISPATCH_VERSION_HPP

#define DISPATCH_VERSION_MAJOR 0
#define DISPATCH_VERSION_MINOR 1
#define DISPATCH_VERSION_PATCH 0

#endif  // DISPATCH_VERSION_HPP
