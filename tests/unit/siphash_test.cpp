// SPDX-License-Identifier: Apache-2.0
//
// SipHash-1-3 against a plain transcription of the paper, which is itself checked with the paper's own
// vectors for SipHash-2-4: the two differ only in how many rounds there are.
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <dispatch/detail/sessions/siphash.hpp>

namespace siphash_test {

using dispatch::detail::HashKey;
using dispatch::detail::siphash13;

/// Byte by byte, with the number of rounds as an argument.
std::uint64_t reference(HashKey key, std::string_view text, int rounds_per_word, int rounds_at_end) {
    std::array<std::uint64_t, 4> v{key.k0 ^ 0x736f6d6570736575U, key.k1 ^ 0x646f72616e646f6dU,
                                   key.k0 ^ 0x6c7967656e657261U, key.k1 ^ 0x7465646279746573U};
    const auto left = [](std::uint64_t x, int by) { return (x << by) | (x >> (64 - by)); };
    const auto rounds = [&](int times) {
        for (int i = 0; i != times; ++i) {
            v[0] += v[1];
            v[1] = left(v[1], 13);
            v[1] ^= v[0];
            v[0] = left(v[0], 32);
            v[2] += v[3];
            v[3] = left(v[3], 16);
            v[3] ^= v[2];
            v[0] += v[3];
            v[3] = left(v[3], 21);
            v[3] ^= v[0];
            v[2] += v[1];
            v[1] = left(v[1], 17);
            v[1] ^= v[2];
            v[2] = left(v[2], 32);
        }
    };
    std::string padded{text};
    while (padded.size() % 8 != 7) {
        padded.push_back('\0');
    }
    padded.push_back(static_cast<char>(text.size() % 256));
    for (std::size_t word = 0; word != padded.size(); word += 8) {
        std::uint64_t m = 0;
        for (std::size_t byte = 0; byte != 8; ++byte) {
            m += std::uint64_t{static_cast<unsigned char>(padded[word + byte])} << (8 * byte);
        }
        v[3] ^= m;
        rounds(rounds_per_word);
        v[0] ^= m;
    }
    v[2] ^= 0xff;
    rounds(rounds_at_end);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/// The key of the paper's appendix: bytes 0 to 15.
constexpr HashKey paper_key{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};

/// Bytes 0, 1, 2, ...
std::string counting(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i != size; ++i) {
        text[i] = static_cast<char>(i);
    }
    return text;
}

TEST(SipHash, TheReferenceGivesThePublishedVectorsOfSipHash24) {
    EXPECT_EQ(reference(paper_key, counting(0), 2, 4), 0x726fdb47dd0e0e31U);
    EXPECT_EQ(reference(paper_key, counting(1), 2, 4), 0x74f839c593dc67fdU);
    EXPECT_EQ(reference(paper_key, counting(15), 2, 4), 0xa129ca6149be45e5U);
}

TEST(SipHash, KnownAnswers) {
    EXPECT_EQ(siphash13(paper_key, counting(0)), 0xabac0158050fc4dcU);
    EXPECT_EQ(siphash13(paper_key, std::string_view{}), 0xabac0158050fc4dcU);
}

TEST(SipHash, EqualsTheReferenceAtEveryLengthAndAlignment) {
    const HashKey key{0x0123456789abcdefU, 0xfedcba9876543210U};
    // Bytes with the high bit set show a sign extension.
    std::string bytes(400, '\0');
    for (std::size_t i = 0; i != bytes.size(); ++i) {
        bytes[i] = static_cast<char>(0xff - (i * 37) % 251);
    }
    for (std::size_t offset = 0; offset != 8; ++offset) {
        for (std::size_t size = 0; size != 300; ++size) {
            const std::string_view text = std::string_view{bytes}.substr(offset, size);
            ASSERT_EQ(siphash13(key, text), reference(key, text, 1, 3)) << "offset " << offset << ", size " << size;
        }
    }
}

TEST(SipHash, ReadsNothingPastTheText) {
    // On the heap, and of its exact size, so that the address sanitizer sees a byte too many.
    for (std::size_t size = 1; size != 40; ++size) {
        const std::string text = counting(size);
        const auto exact = std::make_unique<char[]>(size);
        text.copy(exact.get(), size);
        EXPECT_EQ(siphash13(paper_key, {exact.get(), size}), siphash13(paper_key, text));
    }
}

TEST(SipHash, EveryBitOfTheKeyCounts) {
    std::set<std::uint64_t> hashes{siphash13(paper_key, "session")};
    for (int bit = 0; bit != 64; ++bit) {
        hashes.insert(siphash13({paper_key.k0 ^ (std::uint64_t{1} << bit), paper_key.k1}, "session"));
        hashes.insert(siphash13({paper_key.k0, paper_key.k1 ^ (std::uint64_t{1} << bit)}, "session"));
    }
    EXPECT_EQ(hashes.size(), 129U);
}

TEST(SipHash, EveryBitOfTheTextCounts) {
    for (std::size_t size = 1; size != 20; ++size) {
        std::set<std::uint64_t> hashes;
        std::string text = counting(size);
        for (std::size_t bit = 0; bit != 8 * size; ++bit) {
            const auto flip = static_cast<char>(1 << (bit % 8));
            text[bit / 8] = static_cast<char>(text[bit / 8] ^ flip);
            hashes.insert(siphash13(paper_key, text));
            text[bit / 8] = static_cast<char>(text[bit / 8] ^ flip);
        }
        EXPECT_EQ(hashes.size(), 8 * size);
    }
}

TEST(SipHash, TellsTextsOfZerosApartByLength) {
    std::set<std::uint64_t> hashes;
    for (std::size_t size = 0; size != 256; ++size) {
        hashes.insert(siphash13(paper_key, std::string(size, '\0')));
    }
    EXPECT_EQ(hashes.size(), 256U);
}

TEST(SipHash, AChangedBitChangesHalfOfTheHash) {
    int changed = 0;
    for (int bit = 0; bit != 64; ++bit) {
        const HashKey other{paper_key.k0 ^ (std::uint64_t{1} << bit), paper_key.k1};
        changed += std::popcount(siphash13(paper_key, "session") ^ siphash13(other, "session"));
    }
    // 64 x 64 bits, of which half are expected; the standard deviation is 32.
    EXPECT_NEAR(changed, 2048, 6 * 32);
}

TEST(SipHash, RandomKeysDiffer) {
    const HashKey a = dispatch::detail::random_hash_key();
    const HashKey b = dispatch::detail::random_hash_key();
    EXPECT_TRUE(a.k0 != b.k0 && a.k1 != b.k1);
    EXPECT_TRUE((a.k0 | a.k1) != 0);
}

static_assert(noexcept(siphash13(paper_key, std::string_view{})));

}  // namespace siphash_test
