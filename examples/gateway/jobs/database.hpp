// SPDX-License-Identifier: Apache-2.0
// SQLite, as far as the job store needs it: what is opened is closed, and what fails throws.
#ifndef GATEWAY_JOBS_DATABASE_HPP
#define GATEWAY_JOBS_DATABASE_HPP

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace gateway {

/// What SQLite could not do, and why, in its own words.
class DatabaseError : public std::runtime_error {
  public:
    DatabaseError(int code, const std::string& what) : std::runtime_error{what}, code_{code} {}

    /// SQLite's primary result code, such as SQLITE_FULL.
    [[nodiscard]] int code() const { return code_ & 0xff; }

    /// The database is well: what was asked for is against its rules, such as an id that exists.
    [[nodiscard]] bool is_constraint() const;

  private:
    int code_;
};

/// A connection. One thread at a time may use it and its statements, which it must outlive.
class Database {
  public:
    enum class Mode : std::uint8_t {
        read_only,
        read_write,  ///< makes the file if there is none
    };

    static constexpr std::chrono::milliseconds default_busy_timeout = std::chrono::seconds{5};

    /// path: a file's name as it stands (never a URI), or ":memory:". busy_timeout: how long to wait for another
    /// connection's lock. Throws DatabaseError; of a file that is no database, SQLite tells at its first use.
    Database(const std::string& path, Mode mode, std::chrono::milliseconds busy_timeout = default_busy_timeout);

    /// Runs statements that need no values, and ignores rows. Throws DatabaseError.
    void execute(const std::string& sql);

    /// Between BEGIN and COMMIT or ROLLBACK. Some errors (a full disk, a failed write) end a transaction by themselves.
    [[nodiscard]] bool in_transaction() const noexcept;

  private:
    friend class Statement;

    struct Close {
        void operator()(sqlite3* connection) const noexcept;
    };

    std::unique_ptr<sqlite3, Close> connection_;
};

/// A value that SQLite keeps as bytes and never as text.
struct Blob {
    std::string_view bytes;
};

/// A compiled statement, to be run any number of times.
class Statement {
  public:
    /// One run: goes through the rows, and gives the statement back when it goes.
    class Rows {
      public:
        Rows(const Rows&) = delete;
        Rows& operator=(const Rows&) = delete;
        ~Rows();

        /// Goes to the next row: false if there is none, and the statement has done its work. Throws DatabaseError.
        bool next();

        /// The row's value in a column, counted from 0.
        [[nodiscard]] std::int64_t integer(int column) const;
        [[nodiscard]] std::string bytes(int column) const;

      private:
        friend Statement;
        explicit Rows(Statement& statement) : statement_{statement} {}
        template <typename... Values>
        explicit Rows(Statement& statement, const Values&... values) : Rows{statement} {
            int index = 0;  // should a value not be bound, the destructor lets go of the others
            (statement.bind(++index, values), ...);
        }

        Statement& statement_;
    };

    /// purpose: what errors say could not be done, such as "insert a job". Throws DatabaseError.
    Statement(Database& database, std::string purpose, std::string_view sql);

    /// Begins a run with these values for ?1, ?2...: std::int64_t, std::string_view (text) or Blob, whose bytes must
    /// live as long as the rows. Throws DatabaseError. One run at a time.
    template <typename... Values>
    [[nodiscard]] Rows rows(const Values&... values) {
        return Rows{*this, values...};
    }

    /// Runs it to its end, and ignores rows; how many rows it changed.
    template <typename... Values>
    std::int64_t run(const Values&... values) {
        Rows all = rows(values...);
        while (all.next()) {
        }
        return changes();
    }

  private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const noexcept;
    };

    void bind(int index, std::int64_t value);
    void bind(int index, std::string_view value);
    void bind(int index, Blob value);
    void check(int code) const;
    [[nodiscard]] std::int64_t changes() const;

    sqlite3* connection_;
    std::string purpose_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// What begins and ends transactions on a connection, compiled once.
class TransactionStatements {
  public:
    enum class Begin : std::uint8_t { deferred, immediate };

    /// immediate: to write. Throws DatabaseError.
    TransactionStatements(Database& database, Begin begin);

  private:
    friend class Transaction;

    Database& database_;
    Statement begin_, commit_;
};

/// Rolled back when it goes, unless it was committed.
class Transaction {
  public:
    /// Throws DatabaseError.
    explicit Transaction(TransactionStatements& statements) : statements_{statements} { statements_.begin_.run(); }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction();

    /// Throws DatabaseError, and then nothing of it was done.
    void commit() { statements_.commit_.run(); }

  private:
    TransactionStatements& statements_;
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_DATABASE_HPP
