// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_BEHAVIOUR_HPP
#define GATEWAY_TESTS_SUPPORT_BEHAVIOUR_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

/// What a fake upstream does with one request.
struct Behaviour {
    enum class Kind : std::uint8_t {
        answer,        ///< as a good upstream
        status,        ///< an error, or a redirect
        half,          ///< half a response, then the connection is closed
        stall,         ///< half a response, then nothing
        reset,         ///< a TCP reset before the response
        half_reset,    ///< a TCP reset in the middle of the response
        close,         ///< the connection is closed before the response
        answer_close,  ///< an answer that keeps the connection, which is then closed all the same
        garbage,       ///< something that is not HTTP
        invalid_json,  ///< a 200 whose body is cut off
        huge,          ///< a 200 with a body of so many bytes
        chunked,       ///< an answer of which the length is not known beforehand
        until_close,   ///< an answer that ends with the connection
        interim,       ///< 100 and 103 responses first
        hang,          ///< nothing
        hold,          ///< nothing until FakeUpstream::release(), then an answer
        parts,         ///< a body in chunks, each when FakeUpstream::release() is called; see below
        endless,       ///< chunks without end, as fast as they are taken
    };

    Kind kind = Kind::answer;
    unsigned status_code = 200;
    std::vector<std::pair<std::string, std::string>> headers;  ///< of answer and status, besides the usual ones
    std::chrono::milliseconds delay{0};                        ///< before any of it
    std::size_t size = 0;                                      ///< of huge
    std::vector<std::string> parts;                            ///< of parts; the first is not waited for
    bool breaks_off = false;                                   ///< after parts, the connection is closed in the middle

    static Behaviour answer() { return {}; }
    static Behaviour of(Kind kind);
    /// With a Location if it is a redirect.
    static Behaviour status(unsigned code);
    /// 429 or 503 with a Retry-After.
    static Behaviour retry_after(unsigned code, std::string value);
    static Behaviour slow(std::chrono::milliseconds delay);
    static Behaviour huge(std::size_t size);
    /// A response of type text/event-stream.
    static Behaviour in_parts(std::vector<std::string> parts, bool breaks_off = false);

    /// "ok", "slow:500" (milliseconds), "503", "429:2" (Retry-After), "half", "stall", "reset", "half-reset",
    /// "close", "answer-close", "garbage", "invalid-json", "huge:1000000" (bytes), "chunked", "until-close", "interim",
    /// "hang". Throws std::invalid_argument.
    static Behaviour parse(std::string_view text);
    /// Several, with commas between them.
    static std::vector<Behaviour> parse_list(std::string_view text);
};

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_BEHAVIOUR_HPP
