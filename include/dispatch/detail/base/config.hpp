// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_BASE_CONFIG_HPP
#define DISPATCH_DETAIL_BASE_CONFIG_HPP

// Define DISPATCH_USE_BOOST_ASIO to build on Boost.Asio instead of standalone Asio. The flavour is
// part of every mangled name, so translation units of both flavours can be linked into one program.
#if defined(DISPATCH_USE_BOOST_ASIO)
#define DISPATCH_ABI v0_boost
#else
#define DISPATCH_ABI v0_asio
#endif

// Where the address sanitizer watches, memory is not recycled, so that it sees every use after free.
#if defined(__SANITIZE_ADDRESS__)
#define DISPATCH_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DISPATCH_ADDRESS_SANITIZER 1
#endif
#endif

#include <cstddef>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Bytes that two threads can write without taking the cache line from each other. A constant of our
/// own: std::hardware_destructive_interference_size differs between compilers and their flags, and
/// must not become part of an interface.
inline constexpr std::size_t cache_line = 64;

/// For static objects that threads may still use when static objects are destroyed.
template <typename T>
union NeverDestroyed {
    NeverDestroyed() : value{} {}
    ~NeverDestroyed() {}
    T value;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_BASE_CONFIG_HPP
