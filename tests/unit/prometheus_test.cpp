// SPDX-License-Identifier: Apache-2.0
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <locale>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/prometheus.hpp>

namespace prometheus_test {

using dispatch::Ledger;
using dispatch::PoolSnapshot;
using dispatch::PrometheusWriter;
using dispatch::WorkerMetrics;
using enum PrometheusWriter::Type;

WorkerMetrics worker(std::size_t id) {
    return {.worker_id = id,
            .inflight = 1,
            .queue_len = 2,
            .waiting = 3,
            .capacity = 1'024,
            .errors = 5,
            .sessions = 6,
            .submitted = 7,
            .moved = 8};
}

Ledger ledger() {
    return {.submitted = 21, .completed = 1, .failed = 2, .rejected = 3, .expired = 4, .cancelled = 5, .stopped = 6};
}

bool has_line(const std::string& text, const std::string& line) {
    return ('\n' + text).find('\n' + line + '\n') != std::string::npos;
}

TEST(Prometheus, ShowsEveryFieldOfEachWorkerAndOfTheLedger) {
    const std::string text = dispatch::prometheus_text({worker(0), worker(7)}, ledger());
    for (const char* const line : {R"(dispatch_worker_inflight{worker="0"} 1)",
                                   R"(dispatch_worker_inflight{worker="7"} 1)",
                                   R"(dispatch_worker_queued{worker="7"} 2)",
                                   R"(dispatch_worker_waiting{worker="7"} 3)",
                                   R"(dispatch_worker_queue_capacity{worker="7"} 1024)",
                                   R"(dispatch_worker_errors_total{worker="7"} 5)",
                                   R"(dispatch_worker_sessions{worker="7"} 6)",
                                   R"(dispatch_worker_jobs_total{worker="7"} 7)",
                                   R"(dispatch_worker_moved_total{worker="0"} 8)",
                                   R"(dispatch_worker_moved_total{worker="7"} 8)",
                                   R"(# TYPE dispatch_worker_moved_total counter)",
                                   R"(dispatch_jobs_submitted_total 21)",
                                   R"(dispatch_jobs_ended_total{result="completed"} 1)",
                                   R"(dispatch_jobs_ended_total{result="failed"} 2)",
                                   R"(dispatch_jobs_ended_total{result="rejected"} 3)",
                                   R"(dispatch_jobs_ended_total{result="expired"} 4)",
                                   R"(dispatch_jobs_ended_total{result="cancelled"} 5)",
                                   R"(dispatch_jobs_ended_total{result="stopped"} 6)",
                                   R"(# TYPE dispatch_worker_inflight gauge)",
                                   R"(# TYPE dispatch_jobs_ended_total counter)"}) {
        EXPECT_TRUE(has_line(text, line)) << line << "\nis not in\n" << text;
    }
}

TEST(Prometheus, ShowsSeveralPoolsWithEachFamilyOnce) {
    const std::vector<PoolSnapshot> pools{{"chat", {worker(0)}, ledger()}, {"a \"b\"\\\n", {worker(0)}, Ledger{}}};
    PrometheusWriter writer;
    dispatch::write_prometheus(writer, pools);
    EXPECT_TRUE(has_line(writer.text(), R"(dispatch_worker_inflight{pool="chat",worker="0"} 1)"));
    EXPECT_TRUE(has_line(writer.text(), R"(dispatch_worker_inflight{pool="a \"b\"\\\n",worker="0"} 1)"));
    EXPECT_TRUE(has_line(writer.text(), R"(dispatch_jobs_submitted_total{pool="chat"} 21)"));
    const std::string type = "# TYPE dispatch_worker_inflight gauge\n";
    EXPECT_EQ(writer.text().find(type), writer.text().rfind(type));
}

TEST(Prometheus, EscapesHelpAsTheFormatWants) {
    PrometheusWriter writer;
    writer.family("x", gauge, "one\\two\n\"three\"").sample(1);
    EXPECT_EQ(writer.text(), "# HELP x one\\\\two\\n\"three\"\n# TYPE x gauge\nx 1\n");
}

TEST(Prometheus, WritesHistograms) {
    PrometheusWriter writer;
    const std::vector<double> bounds{0.5, 1};
    const std::vector<std::uint64_t> counts{3, 0, 2};
    writer.family("x", PrometheusWriter::Type::histogram, "times");
    writer.histogram({}, bounds, counts, 12.5);
    const std::vector<PrometheusWriter::Label> labels{{"a", "b"}};
    writer.histogram(labels, {}, std::vector<std::uint64_t>{1}, 2);
    EXPECT_EQ(writer.text(),
              "# HELP x times\n# TYPE x histogram\n"
              "x_bucket{le=\"0.5\"} 3\nx_bucket{le=\"1\"} 3\nx_bucket{le=\"+Inf\"} 5\nx_sum 12.5\nx_count 5\n"
              "x_bucket{a=\"b\",le=\"+Inf\"} 1\nx_sum{a=\"b\"} 2\nx_count{a=\"b\"} 1\n");
    EXPECT_THROW(writer.histogram({}, bounds, std::vector<std::uint64_t>{1, 2}, 0), std::invalid_argument);
    EXPECT_THROW(PrometheusWriter{}.histogram({}, bounds, counts, 0), std::invalid_argument);
}

TEST(Prometheus, WritesNumbersInFull) {
    PrometheusWriter writer;
    writer.family("x", gauge, "").sample(0.1).sample(-3).sample(std::numeric_limits<std::uint64_t>::max());
    const double infinity = std::numeric_limits<double>::infinity();
    writer.sample(infinity).sample(-infinity).sample(std::numeric_limits<double>::quiet_NaN());
    EXPECT_EQ(writer.text(), "# HELP x \n# TYPE x gauge\nx 0.1\nx -3\nx 18446744073709551615\nx +Inf\nx -Inf\nx NaN\n");
}

struct Punctuation : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
};

TEST(Prometheus, KnowsNoLocale) {
    const std::locale before = std::locale::global(std::locale{std::locale::classic(), new Punctuation});
    PrometheusWriter writer;
    writer.family("x", gauge, "").sample(1234567.5);
    std::locale::global(before);
    EXPECT_TRUE(has_line(writer.text(), "x 1234567.5"));
}

TEST(Prometheus, RefusesNamesThatPrometheusWould) {
    PrometheusWriter writer;
    for (const char* const name : {"", "9x", "a-b", "a b", "\xc3\xa4"}) {
        EXPECT_THROW(writer.family(name, gauge, ""), std::invalid_argument) << name;
        writer.family("x", gauge, "");
        EXPECT_THROW(writer.sample({{name, "v"}}, 1), std::invalid_argument) << name;
    }
    EXPECT_THROW(writer.sample({{"a:b", "v"}}, 1), std::invalid_argument);
    EXPECT_THROW(writer.family("requests", counter, ""), std::invalid_argument);
    EXPECT_THROW(PrometheusWriter{}.sample(1), std::invalid_argument);
}

/// Prometheus's own linter, where it is installed.
TEST(Prometheus, PassesPromtool) {
    if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
        GTEST_SKIP() << "promtool is not installed (Debian: prometheus)";
    }
    const std::vector<PoolSnapshot> pools{{"chat", {worker(0), worker(1)}, ledger()}, {"a \"b\"\\\n", {worker(0)}, {}}};
    PrometheusWriter writer;
    dispatch::write_prometheus(writer, pools);
    const std::string file =
        std::filesystem::temp_directory_path() / ("dispatch_prometheus_" + std::to_string(::getpid()));
    std::ofstream{file} << writer.text();
    EXPECT_EQ(std::system(("promtool check metrics <" + file).c_str()), 0) << writer.text();
    std::filesystem::remove(file);
}

}  // namespace prometheus_test
