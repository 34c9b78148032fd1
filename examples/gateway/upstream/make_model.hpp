// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_MAKE_MODEL_HPP
#define GATEWAY_UPSTREAM_MAKE_MODEL_HPP

#include <memory>

#include "../config.hpp"
#include "model.hpp"
