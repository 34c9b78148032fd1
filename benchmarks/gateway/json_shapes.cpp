// SPDX-License-Identifier: Apache-2.0
// What parsing costs for each byte of text, and what it costs to translate a request for an upstream of the other
// dialect, by shape and size: about the same along a line, or it is not linear.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gateway/base/json.hpp>
#include <gateway/dialects/translate.hpp>
#include <gateway/upstream/openai.hpp>
#include <gateway/upstream/vertex.hpp>

namespace {

using Clock = std::chrono::steady_clock;

std::string repeated(const std::string& element, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += i == 0 ? "" : ",";
        text += element;
    }
    return text;
}

std::string members(std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += i == 0 ? "" : ",";
        text += "\"member ";
        text += std::to_string(i);
        text += "\":0";
    }
    return text;
}

std::string names(std::size_t count, const std::string& before, const std::string& after) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += i == 0 ? "" : ",";
        text.append(before).append(std::to_string(i)).append(after);
    }
    return text;
}

/// The least time of a few that work takes, in nanoseconds for each of so many bytes.
double cost(std::size_t bytes, const std::function<void()>& work) {
    double least = std::numeric_limits<double>::max();
    for (int i = 0; i < 5; ++i) {
        const Clock::time_point start = Clock::now();
        work();
        const std::chrono::duration<double, std::nano> took = Clock::now() - start;
        least = std::min(least, took.count() / static_cast<double>(bytes));
    }
    return least;
}

gateway::Json parse(const std::string& text) {
    return gateway::parse_json(text, std::numeric_limits<std::size_t>::max());
}

double cost_of_parsing(const std::string& text) {
    return cost(text.size(), [&] { (void)parse(text); });
}

double cost_of_translating(gateway::Dialect dialect, const std::string& text) {
    const gateway::Json request = parse(text);
    const gateway::OpenAiApi openai{"", "served"};
    const gateway::VertexApi vertex{"", "p", "l", "m"};
    const gateway::Api& other = dialect == gateway::Dialect::chat ? static_cast<const gateway::Api&>(vertex) : openai;
    return cost(text.size(), [&] {
        gateway::check_request(dialect, request);
        (void)other.translate(dialect, gateway::Delivery::whole, request);
    });
}

using Make = std::function<std::string(std::size_t)>;

void print_line(const char* name, const Make& make, const std::function<double(const std::string&)>& cost_of) {
    std::printf("%-28s", name);
    for (const std::size_t count : {100U, 1'000U, 10'000U, 100'000U}) {
        std::printf(" %10.1f", cost_of(make(count)));
    }
    std::printf("\n");
}

void print_head(const char* what) {
    std::printf("%-28s %10s %10s %10s %10s\n", what, "100", "1,000", "10,000", "100,000");
}

}  // namespace

int main() {
    const std::vector<std::pair<const char*, Make>> shapes{
        {"[0,0,...]", [](std::size_t n) { return '[' + repeated("0", n) + ']'; }},
        {"[{},{},...]", [](std::size_t n) { return '[' + repeated("{}", n) + ']'; }},
        {"[[],[],...]", [](std::size_t n) { return '[' + repeated("[]", n) + ']'; }},
        {"[{\"a\":0},...]", [](std::size_t n) { return '[' + repeated("{\"a\":0}", n) + ']'; }},
        {"{\"member 0\":0,...}", [](std::size_t n) { return '{' + members(n) + '}'; }},
        {"[\"text of it\",...]", [](std::size_t n) { return '[' + repeated("\"text of it\"", n) + ']'; }},
        {"[[[...]],...], 60 deep",
         [](std::size_t n) { return '[' + repeated(std::string(60, '[') + std::string(60, ']'), n / 60 + 1) + ']'; }},
        {"\"a long text\"", [](std::size_t n) { return '"' + repeated("a long text", n) + '"'; }},
    };
    print_head("parsing, ns for each byte");
    for (const auto& [name, make] : shapes) {
        print_line(name, make, cost_of_parsing);
    }

    const auto gemini = [](const std::string& rest) {
        return R"({"contents":[{"parts":[{"text":"x"}]}],)" + rest + '}';
    };
    const std::vector<std::pair<const char*, Make>> of_gemini{
        {"Gemini: a schema's members",
         [=](std::size_t n) {
             return gemini(R"("tools":[{"functionDeclarations":[{"name":"f","parameters":{)" + members(n) + "}}]}]");
         }},
        {"Gemini: its properties",
         [=](std::size_t n) {
             return gemini(R"("tools":[{"functionDeclarations":[{"name":"f","parameters":{"properties":{)" +
                           members(n) + "}}}]}]");
         }},
        {"Gemini: allowed functions",
         [=](std::size_t n) {
             return gemini(R"("tools":[{"functionDeclarations":[)" + names(n, R"({"name":"f)", "\"}") +
                           R"(]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":[)" +
                           names(n, "\"f", "\"") + "]}}");
         }},
        {"Gemini: turns",
         [](std::size_t n) { return R"({"contents":[)" + repeated(R"({"parts":[{"text":"x"}]})", n) + "]}"; }},
    };
    const std::vector<std::pair<const char*, Make>> of_chat{
        {"chat: functions",
         [](std::size_t n) {
             return R"({"messages":[{"role":"user","content":"x"}],"tools":[)" +
                    names(n, R"({"type":"function","function":{"name":"f)", "\"}}") + "]}";
         }},
        {"chat: messages",
         [](std::size_t n) { return R"({"messages":[)" + repeated(R"({"role":"user","content":"x"})", n) + "]}"; }},
    };
    print_head("translating, the same");
    for (const auto& [name, make] : of_gemini) {
        print_line(name, make,
                   [](const std::string& text) { return cost_of_translating(gateway::Dialect::gemini, text); });
    }
    for (const auto& [name, make] : of_chat) {
        print_line(name, make,
                   [](const std::string& text) { return cost_of_translating(gateway::Dialect::chat, text); });
    }
}
