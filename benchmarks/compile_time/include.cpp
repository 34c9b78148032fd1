// SPDX-License-Identifier: Apache-2.0
//
// The same, with the library's header included and nothing of it used.
#include <dispatch/pool.hpp>

#include "asio.cpp"
