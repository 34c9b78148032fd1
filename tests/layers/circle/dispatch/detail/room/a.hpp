#pragma once
#include <dispatch/detail/room/b.hpp>
