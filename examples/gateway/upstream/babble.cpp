// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/babble.hpp>

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

namespace gateway {

namespace {

constexpr std::string_view babble_text =
    "The keeper of the lighthouse counts the ships that wait in the bay. Each ship has a place in the queue, and each "
    "queue has an end. When the light turns, the ship with the oldest lamp goes first, and the keeper writes its name "
    "in the book. The book is never lost, for the keeper copies it before the tide comes in. A ship that has come "
    "before goes to the pilot that it knows, as long as the pilot remembers. The pilot with the least to do takes the "
    "next ship, and when two pilots are idle they take turns. The sea is patient, but the keeper is not: a ship that "
    "waits too long is told so, and sails on. When the storm comes, the keeper lights the red lamp, and the ships in "
    "the bay wait for a while, and then a little longer, and not all for the same time. The pilots finish what they "
    "have begun. The keeper closes the harbour only when the last ship is in, and counts again: so many came, so many "
    "went, and the two numbers are the same. The light turns, and the queue is empty. Then the keeper sleeps until "
    "somebody rings the bell. The bell is rung once, however many ships there are. The ships know the way, the pilots "
    "know the ships, and the book knows them all. In the morning the keeper reads the book from the beginning, and "
    "what was not done is done again. ";

using Pair = std::pair<std::string_view, std::string_view>;

struct Chain {
    std::vector<std::string_view> words;
    std::vector<std::size_t> openings;  // of the words that begin a sentence
    std::map<Pair, std::vector<std::string_view>> followers;

    Chain() {
        for (std::size_t start = 0; start < babble_text.size();) {
            const std::size_t end = babble_text.find(' ', start);
            words.push_back(babble_text.substr(start, end - start));
            start = end + 1;
        }
        for (std::size_t i = 0; i < words.size(); ++i) {
            const std::string_view next = words[(i + 1) % words.size()];
            followers[{words[i], next}].push_back(words[(i + 2) % words.size()]);
            if (words[i].front() >= 'A' && words[i].front() <= 'Z') {
                openings.push_back(i);
            }
        }
    }
};

const Chain& chain() {
    static const Chain instance;
    return instance;
}

}  // namespace

std::uint64_t Chance::next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

Babble::Babble(std::uint64_t seed) : chance_{seed} {
    // As if the sentence before had just ended.
    const std::vector<std::string_view>& words = chain().words;
    const std::size_t opening = chain().openings[chance_.below(chain().openings.size())];
    before_ = words[(opening + words.size() - 2) % words.size()];
    last_ = words[(opening + words.size() - 1) % words.size()];
}

std::string_view Babble::next() {
    const std::vector<std::string_view>& followers = chain().followers.at({before_, last_});
    before_ = std::exchange(last_, followers[chance_.below(followers.size())]);
    return last_;
}

}  // namespace gateway
