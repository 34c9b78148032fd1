#include <dispatch/high.hpp>
