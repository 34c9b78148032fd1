#pragma once
#include "low.hpp"
