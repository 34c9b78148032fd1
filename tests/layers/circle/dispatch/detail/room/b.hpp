#pragma once
#include <dispatch/detail/room/a.hpp>
