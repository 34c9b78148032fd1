#pragma once
#include <dispatch/detail/room/a.hpp>
#include <dispatch/low.hpp>
