// SPDX-License-Identifier: Apache-2.0
//
// What is compiled once with DISPATCH_SEPARATE_COMPILATION.
#include <dispatch/src.hpp>
