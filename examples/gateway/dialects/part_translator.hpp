// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_PART_TRANSLATOR_HPP
#define GATEWAY_DIALECTS_PART_TRANSLATOR_HPP

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gateway/base/json.hpp>
#include <gateway/conversation/answer.hpp>
#include <gateway/conversation/dialect.hpp>
#include <gateway/dialects/chat_answer_reader.hpp>
#include <gateway/dialects/part_ends.hpp>
#include <gateway/dialects/part_writer.hpp>

namespace gateway {

/// What the events of an upstream's answer say to a client: the same, where both speak one dialect.
class PartTranslator {
  public:
    /// id: of the job. usage_wanted: a client that is to be told what the answer has cost has to ask for that (chat).
    PartTranslator(Dialect upstream, Dialect client, std::string_view id, bool usage_wanted);

    /// Takes the data of the next event. Returns the texts of JSON of what is to be said, which may be nothing. Throws
    /// JsonError and NotUnderstood; BrokenOff, if the event says that the upstream cannot go on.
    [[nodiscard]] std::vector<std::string> take(std::string_view data);

    /// An event has said that it was the last.
    [[nodiscard]] bool done() const { return done_; }

    /// There are no more events. Returns what is to be said yet. Throws BrokenOff, if the answer is not complete: some
    /// candidate has not ended, and no event has said that it is the last; NotUnderstood.
    [[nodiscard]] std::vector<std::string> end();

    /// What the answer has cost, as far as that was said.
    [[nodiscard]] const Usage& usage() const { return usage_; }

  private:
    void note(const PartEnds& ends);

    const Dialect upstream_;
    ChatChunkReader chunks_;              // of an upstream that speaks it
    std::unique_ptr<PartWriter> writer_;  // null: the client speaks the upstream's dialect
    Usage usage_;
    std::set<std::uint64_t> going_on_;  // candidates that have begun and not ended
    std::set<std::uint64_t> ended_;
    bool blocked_ = false;
    bool done_ = false;
};

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_PART_TRANSLATOR_HPP
