// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_HTTP_SERVER_FLAGS_HPP
#define EXAMPLES_HTTP_SERVER_FLAGS_HPP

#include <algorithm>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "beast.hpp"

namespace example {

/// A command line that cannot be used; what() names the flag and the value.
class FlagError : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

/// The flags of a program, given as "--name value" or "--name=value". Each is bound to a variable
/// that holds the default; the last occurrence on the command line wins.
class Flags {
  public:
    /// A whole number from low to high.
    template <std::integral T>
    void number(std::string name, T& target, std::int64_t low, std::int64_t high, std::string help) {
        const std::string initial = std::to_string(target);
        auto assign = [&target, low, high](std::string_view text) {
            target = static_cast<T>(parse_number(text, low, high));
        };
        add(std::move(name), "N", std::move(help), initial, assign);
    }

    /// A duration in whole seconds.
    void seconds(std::string name, std::chrono::milliseconds& target, std::int64_t low, std::int64_t high,
                 std::string help) {
        const std::string initial = std::to_string(std::chrono::duration_cast<std::chrono::seconds>(target).count());
        auto assign = [&target, low, high](std::string_view text) {
            target = std::chrono::seconds{parse_number(text, low, high)};
        };
        add(std::move(name), "S", std::move(help), initial, assign);
    }

    /// An IPv4 or IPv6 address.
    void ip_address(std::string name, std::string& target, std::string help) {
        auto assign = [&target](std::string_view text) {
            beast::error_code error;
            net::ip::make_address(std::string{text}, error);
            if (error) {
                throw FlagError{"is not an IP address"};
            }
            target = text;
        };
        add(std::move(name), "IP", std::move(help), target, assign);
    }

    /// Assigns what the arguments (without the program's name) say. Returns false when they ask for help.
    [[nodiscard]] bool parse(std::span<const char* const> arguments) const {
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            const std::string_view argument = arguments[i];
            if (argument == "--help" || argument == "-h") {
                return false;
            }
            const std::size_t equals = argument.find('=');
            const std::string name{argument.substr(0, equals)};
            const auto flag = std::ranges::find(flags_, name, &Flag::name);
            if (flag == flags_.end()) {
                throw FlagError{"unknown flag \"" + name + "\""};
            }
            std::string_view value;
            if (equals != std::string_view::npos) {
                value = argument.substr(equals + 1);
            } else if (++i < arguments.size()) {
                value = arguments[i];
            } else {
                throw FlagError{name + " needs a value"};
            }
            try {
                flag->assign(value);
            } catch (const FlagError& error) {
                throw FlagError{name + ": \"" + std::string{value} + "\" " + error.what()};
            }
        }
        return true;
    }

    /// One line a flag, in columns.
    [[nodiscard]] std::string help() const {
        std::size_t width = 0;
        for (const Flag& flag : flags_) {
            width = std::max(width, flag.name.size() + flag.value_name.size() + 1);
        }
        std::string text;
        for (const Flag& flag : flags_) {
            const std::string usage = flag.name + ' ' + flag.value_name;
            text += "  " + usage + std::string(width - usage.size() + 2, ' ') + flag.help + " (default " +
                    flag.initial + ")\n";
        }
        return text;
    }

  private:
    struct Flag {
        std::string name;
        std::string value_name;
        std::string help;
        std::string initial;
        std::function<void(std::string_view)> assign;
    };

    static std::int64_t parse_number(std::string_view text, std::int64_t low, std::int64_t high) {
        std::int64_t value = 0;
        const char* const end = text.data() + text.size();
        const auto [parsed_to, error] = std::from_chars(text.data(), end, value);
        if (error != std::errc{} || parsed_to != end || value < low || value > high) {
            throw FlagError{"is not a whole number from " + std::to_string(low) + " to " + std::to_string(high)};
        }
        return value;
    }

    void add(std::string name, std::string value_name, std::string help, std::string initial,
             std::function<void(std::string_view)> assign) {
        flags_.push_back(
            {std::move(name), std::move(value_name), std::move(help), std::move(initial), std::move(assign)});
    }

    std::vector<Flag> flags_;
};

}  // namespace example

#endif  // EXAMPLES_HTTP_SERVER_FLAGS_HPP
