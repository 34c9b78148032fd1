#pragma once
#include <dispatch/high.hpp>
