// SPDX-License-Identifier: Apache-2.0
// Asio, Beast, JSON and URL are compiled here, once, instead of in every file that includes them.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
#include <boost/json/src.hpp>
#include <boost/url/src.hpp>
