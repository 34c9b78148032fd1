#pragma once
#include <dispatch/even_lower.hpp>
