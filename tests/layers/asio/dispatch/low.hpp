#pragma once
#include <asio/post.hpp>
