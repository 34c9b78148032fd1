// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_BASE_CONFIG_HPP
#define DISPATCH_DETAIL_BASE_CONFIG_HPP

// Define DISPATCH_USE_BOOST_ASIO to build on Boost.Asio instead of standalone Asio. The flavour is
// part of every mangled name, so translation units of both flavours can be linked into one program.
//
// Define DISPATCH_SEPARATE_COMPILATION to have what does not depend on the types of requests, responses and handlers
// compiled once, in the one source file that includes <dispatch/src.hpp>, for workers on any_io_executor. Whatever the
// linker does not find is in there: the namespace says so. The names differ from those of the headers alone, so
// translation units of both kinds can be linked into one program, but cannot hand each other a pool.
#if defined(DISPATCH_USE_BOOST_ASIO) && defined(DISPATCH_SEPARATE_COMPILATION)
#define DISPATCH_ABI v0_boost_in_src_hpp
#elif defined(DISPATCH_USE_BOOST_ASIO)
#define DISPATCH_ABI v0_boost
#elif defined(DISPATCH_SEPARATE_COMPILATION)
#define DISPATCH_ABI v0_asio_in_src_hpp
#else
#define DISPATCH_ABI v0_asio
#endif

// For the functions at the border between what is compiled for each type and what is compiled once. A template that is
// not inline is not instantiated where an extern template promises that it is elsewhere; one that is inline would be.
// DISPATCH_FORWARD is for those that only call another function.
#if defined(DISPATCH_SEPARATE_COMPILATION)
#define DISPATCH_BORDER
#define DISPATCH_FORWARD
#else
#define DISPATCH_BORDER inline
#define DISPATCH_FORWARD [[gnu::always_inline]] inline
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
