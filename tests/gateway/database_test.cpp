// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <sqlite3.h>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <gateway/jobs/database.hpp>

#include "support/temporary_directory.hpp"

namespace database_test {

using gateway::Blob;
using gateway::Database;
using gateway::DatabaseError;
using gateway::Statement;
using gateway::Transaction;
using gateway::TransactionStatements;
using Rows = gateway::Statement::Rows;

constexpr std::string_view any_bytes{"a\0b\xff\xfe'\"\n", 8};

std::int64_t count(Database& database) {
    Statement statement{database, "count", "SELECT count(*) FROM t"};
    Rows rows = statement.rows();
    return rows.next() ? rows.integer(0) : -1;
}

class DatabaseTest : public testing::Test {
  protected:
    DatabaseTest() {
        database.execute("CREATE TABLE t(number INTEGER PRIMARY KEY, text TEXT NOT NULL, bytes BLOB NOT NULL)");
    }

    Database database{":memory:", Database::Mode::read_write};
};

TEST_F(DatabaseTest, KeepsValuesAsTheyAre) {
    Statement insert{database, "insert", "INSERT INTO t VALUES(?1, ?2, ?3)"};
    EXPECT_EQ(insert.run(std::int64_t{1} << 40, std::string_view{"text"}, Blob{any_bytes}), 1);
    EXPECT_EQ(insert.run(std::int64_t{-1}, std::string_view{}, Blob{}), 1);  // empty, and not NULL

    Statement select{database, "select", "SELECT number, text, bytes FROM t ORDER BY number DESC"};
    Rows rows = select.rows();
    ASSERT_TRUE(rows.next());
    EXPECT_EQ(rows.integer(0), std::int64_t{1} << 40);
    EXPECT_EQ(rows.bytes(1), "text");
    EXPECT_EQ(rows.bytes(2), any_bytes);
    ASSERT_TRUE(rows.next());
    EXPECT_EQ(rows.integer(0), -1);
    EXPECT_EQ(rows.bytes(1), "");
    EXPECT_EQ(rows.bytes(2), "");
    EXPECT_FALSE(rows.next());
}

TEST_F(DatabaseTest, AStatementCanBeRunAgainWhateverBecameOfTheLastRun) {
    Statement insert{database, "insert a row", "INSERT INTO t VALUES(?1, ?2, ?3)"};
    insert.run(std::int64_t{1}, std::string_view{"x"}, Blob{"y"});
    EXPECT_THROW(insert.run(std::int64_t{1}, std::string_view{"x"}, Blob{"y"}), DatabaseError);
    EXPECT_THROW(insert.run(std::int64_t{2}), DatabaseError);  // the former run's values are gone: NULL
    EXPECT_EQ(insert.run(std::int64_t{2}, std::string_view{"x"}, Blob{"y"}), 1);
    Statement select{database, "select", "SELECT number FROM t"};
    for (int i = 0; i < 3; ++i) {
        Rows rows = select.rows();
        EXPECT_TRUE(rows.next());  // and the second row is never asked for
    }
}

TEST_F(DatabaseTest, AnErrorSaysWhatCouldNotBeDoneAndWhy) {
    Statement insert{database, "insert a row", "INSERT INTO t VALUES(?1, ?2, ?3)"};
    insert.run(std::int64_t{1}, std::string_view{"x"}, Blob{"y"});
    try {
        insert.run(std::int64_t{1}, std::string_view{"x"}, Blob{"y"});
        FAIL();
    } catch (const DatabaseError& error) {
        EXPECT_EQ(error.code(), SQLITE_CONSTRAINT);
        EXPECT_STREQ(error.what(), "could not insert a row: UNIQUE constraint failed: t.number (SQLite error 1555)");
    }
    try {
        insert.run(std::int64_t{1}, std::int64_t{2}, std::int64_t{3}, std::int64_t{4});
        FAIL();
    } catch (const DatabaseError& error) {
        EXPECT_EQ(error.code(), SQLITE_RANGE);
    }
    try {
        database.execute("NONSENSE");
        FAIL();
    } catch (const DatabaseError& error) {
        EXPECT_NE(std::string{error.what()}.find("could not run \"NONSENSE\": near \"NONSENSE\": syntax error"),
                  std::string::npos)
            << error.what();
    }
    EXPECT_THROW(Statement(database, "select", "SELECT nothing FROM nowhere"), DatabaseError);
}

TEST_F(DatabaseTest, ATransactionThatIsNotCommittedDidNothing) {
    TransactionStatements statements{database, TransactionStatements::Begin::deferred};
    {
        const Transaction transaction{statements};
        database.execute("INSERT INTO t VALUES(1, '', '')");
        EXPECT_TRUE(database.in_transaction());
    }
    EXPECT_FALSE(database.in_transaction());
    EXPECT_EQ(count(database), 0);
    {
        Transaction transaction{statements};
        database.execute("INSERT INTO t VALUES(1, '', '')");
        transaction.commit();
        EXPECT_FALSE(database.in_transaction());
    }
    EXPECT_EQ(count(database), 1);
    {
        const Transaction transaction{statements};
        EXPECT_THROW(database.execute("INSERT OR ROLLBACK INTO t VALUES(1, '', '')"), DatabaseError);
        EXPECT_FALSE(database.in_transaction());  // SQLite did it
    }
}

TEST(DatabaseFile, IsMadeForWritingOnly) {
    const test::TemporaryDirectory directory;
    const std::string path = directory.file("new.db");
    try {
        Database{path, Database::Mode::read_only};
        FAIL();
    } catch (const DatabaseError& error) {
        EXPECT_EQ(error.code(), SQLITE_CANTOPEN);
        const std::string what = error.what();
        EXPECT_NE(what.find(path), std::string::npos) << what;
        EXPECT_NE(what.find("No such file"), std::string::npos) << what;
    }
    Database writer{path, Database::Mode::read_write};
    writer.execute("CREATE TABLE t(number)");
    Database reader{path, Database::Mode::read_only};
    EXPECT_EQ(count(reader), 0);
    EXPECT_THROW(reader.execute("INSERT INTO t VALUES(1)"), DatabaseError);
}

TEST(DatabaseFile, WaitsForALockOnlySoLong) {
    const test::TemporaryDirectory directory;
    Database one{directory.file("a.db"), Database::Mode::read_write};
    Database two{directory.file("a.db"), Database::Mode::read_write, std::chrono::milliseconds{1}};
    TransactionStatements statements{one, TransactionStatements::Begin::immediate};
    const Transaction transaction{statements};
    try {
        two.execute("BEGIN IMMEDIATE");
        FAIL();
    } catch (const DatabaseError& error) {
        EXPECT_EQ(error.code(), SQLITE_BUSY);
    }
}

TEST(DatabaseFile, ANameIsNeverTakenForAUri) {
    const test::TemporaryDirectory directory;
    Database database{directory.file("file:x?mode=memory"), Database::Mode::read_write};
    database.execute("CREATE TABLE t(number)");
    EXPECT_TRUE(std::filesystem::exists(directory.path() / "file:x?mode=memory"));
}

}  // namespace database_test
