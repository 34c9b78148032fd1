// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SUPPORT_OPERATOR_NEW_HPP
#define DISPATCH_TESTS_SUPPORT_OPERATOR_NEW_HPP

// Clang's sanitizers bring an operator new of their own, which cannot be replaced.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZER_OWNS_OPERATOR_NEW 1
#endif
#endif

#endif  // DISPATCH_TESTS_SUPPORT_OPERATOR_NEW_HPP
