// expect: dispatch: a Semaphore takes an executor, and this is an execution context: write context.get_executor()
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/semaphore.hpp>

namespace net = dispatch::net;

class Context : public net::execution_context {};

dispatch::Semaphore semaphore(Context& context) { return dispatch::Semaphore{context, 1}; }
