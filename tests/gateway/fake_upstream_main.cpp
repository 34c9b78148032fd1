// SPDX-License-Identifier: Apache-2.0
// The fake upstream as a program: for tests in other languages, and to try things by hand.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "support/certificates.hpp"
#include "support/fake_upstream.hpp"

namespace {

struct Flags {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;
    std::string behaviours;
    unsigned delay_ms = 0;
    std::string certificate;
    std::string ca_file;
};

test::Identity identity(const test::CertificateAuthority& authority, const std::string& kind) {
    if (kind == "expired") {
        return authority.issue_expired();
    }
    return kind == "other-host" ? authority.issue_for_another_host() : authority.issue();
}

test::FakeUpstreamOptions options(const Flags& flags) {
    test::FakeUpstreamOptions result;
    result.address = flags.address;
    result.port = flags.port;
    if (!flags.certificate.empty()) {
        const test::CertificateAuthority authority;
        result.tls = identity(authority, flags.certificate);
        std::ofstream{flags.ca_file} << authority.certificate();
    }
    return result;
}

std::vector<test::Behaviour> behaviours(const Flags& flags) {
    std::vector<test::Behaviour> result =
        test::Behaviour::parse_list(flags.behaviours.empty() ? "ok" : flags.behaviours);
    for (test::Behaviour& behaviour : result) {
        behaviour.delay += std::chrono::milliseconds{flags.delay_ms};
    }
    return result;
}

void run(const Flags& flags) {
    test::FakeUpstream upstream{options(flags)};
    upstream.repeat(behaviours(flags));
    std::cout << "listening on " << upstream.url() << std::endl;

    boost::asio::io_context context;
    boost::asio::signal_set signals{context, SIGINT, SIGTERM};
    signals.async_wait([](const boost::system::error_code&, int) {});
    context.run();
    std::cout << upstream.requests().size() << " requests on " << upstream.accepted() << " connections" << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
    Flags flags;
    CLI::App app{
        "Speaks enough of Vertex AI, of OpenAI-compatible servers and of Google's token services to test with."};
    app.add_option("--address", flags.address, "Address to listen on")->capture_default_str();
    app.add_option("--port", flags.port, "Port to listen on; 0: any free one")->capture_default_str();
    app.add_option("--behaviours", flags.behaviours,
                   "What to do with generation requests, over and over: ok,503,429:2,slow:500,half,reset,...");
    app.add_option("--delay-ms", flags.delay_ms, "Before each response")->capture_default_str();
    auto* const certificate = app.add_option("--certificate", flags.certificate, "Speak TLS with such a certificate")
                                  ->check(CLI::IsMember({"good", "expired", "other-host"}));
    auto* const ca_file = app.add_option("--ca-file", flags.ca_file, "Write the authority's certificate to this file");
    certificate->needs(ca_file);
    CLI11_PARSE(app, argc, argv);
    try {
        run(flags);
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    return 0;
}
