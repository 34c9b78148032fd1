// expect: dispatch: the parts of a Stream<T> are objects: T is neither void, nor a reference, nor const
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>
#include <dispatch/stream.hpp>

namespace net = dispatch::net;

auto submit(dispatch::WorkerPool<int, dispatch::Stream<int&>>& pool) { return pool.submit(std::nullopt, 1); }
