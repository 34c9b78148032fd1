// SPDX-License-Identifier: Apache-2.0
// The table of everything that can be set: what --help, --print-config and the errors say comes from here.
#ifndef GATEWAY_CONFIG_CONFIG_OPTIONS_HPP
#define GATEWAY_CONFIG_CONFIG_OPTIONS_HPP

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include <gateway/config/config.hpp>

namespace gateway {

/// One field of Config.
struct Option {
    std::string group;        ///< its heading in --help
    std::string name;         ///< "idle-timeout-seconds": --idle-timeout-seconds, GATEWAY_IDLE_TIMEOUT_SECONDS
    std::string placeholder;  ///< its value in --help: "SECONDS"
    std::string help;
    std::string expects;  ///< what a value has to be: "a number from 0 to 3600"

    /// False: the value is not what is expected; nothing was set. A std::invalid_argument says more.
    std::function<bool(Config&, std::string_view)> set;
    std::function<std::string(const Config&)> show;

    /// A secret is never a flag: the flag --NAME-file and the variable GATEWAY_NAME_FILE say where it is
    /// kept, or the variable GATEWAY_NAME holds it.
    bool secret = false;

    [[nodiscard]] std::string flag() const;      ///< "--idle-timeout-seconds"; of a secret, "--api-key-file"
    [[nodiscard]] std::string variable() const;  ///< "GATEWAY_IDLE_TIMEOUT_SECONDS"; of a secret, "GATEWAY_API_KEY"
};

[[nodiscard]] std::span<const Option> config_options();

}  // namespace gateway

#endif  // GATEWAY_CONFIG_CONFIG_OPTIONS_HPP
