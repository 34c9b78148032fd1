#pragma once
#include <dispatch/low.hpp>
