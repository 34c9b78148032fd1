// SPDX-License-Identifier: Apache-2.0
// An HTTP front end for a large language model: takes generation requests, spreads them over a dispatch::WorkerPool by
// session or by load, asks the model, and keeps the results. How it hangs together:
//
//   http/       HttpServer: connections, limits, time limits
//   routes      HTTP to the service
//   service     accepts a job, stores it, has the pool run it, stores its end
//   jobs/       JobStore: what must survive, in SQLite
//   generation  what the pool's workers do: ask the model
//   upstream/   the models: embedded, Vertex AI, OpenAI-compatible; retries, credentials, HTTP client
//   config, log, metrics
//
//   gateway &
//   curl -H 'X-Session-Id: me' -d '{"contents": [{"parts": [{"text": "Hello!"}]}]}' '127.0.0.1:8080/generate?wait=true'
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <variant>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <dispatch/json.hpp>
#include <dispatch/pool.hpp>

#include "config.hpp"
#include "generation.hpp"
#include "http/server.hpp"
#include "jobs/job_store.hpp"
#include "log.hpp"
#include "metrics.hpp"
#include "routes.hpp"
#include "service.hpp"
#include "upstream/make_model.hpp"
