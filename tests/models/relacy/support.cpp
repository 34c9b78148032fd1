// SPDX-License-Identifier: Apache-2.0
//
// Only for what it has compiled beforehand.
#include <execution.hpp>
