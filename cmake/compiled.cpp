// SPDX-License-Identifier: Apache-2.0
//
// The library's own source file, of dispatch::compiled.
#include <dispatch/src.hpp>
