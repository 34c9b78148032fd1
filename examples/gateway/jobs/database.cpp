// SPDX-License-Identifier: Apache-2.0
#include <gateway/jobs/database.hpp>

#include <sqlite3.h>
#include <system_error>
#include <utility>

namespace gateway {

namespace {

/// Why the last call on connection failed, with all that helps: "disk I/O error (SQLite error 778, No space left...)".
DatabaseError error_of(sqlite3* connection, int code, const std::string& operation) {
    const bool told = connection != nullptr && (sqlite3_errcode(connection) & 0xff) == (code & 0xff);
    std::string what = "could not " + operation + ": " + (told ? sqlite3_errmsg(connection) : sqlite3_errstr(code));
    const int extended = told ? sqlite3_extended_errcode(connection) : code;
    what += " (SQLite error " + std::to_string(extended);
    const int primary = extended & 0xff;
    if (told && (primary == SQLITE_CANTOPEN || primary == SQLITE_IOERR)) {
        if (const int cause = sqlite3_system_errno(connection); cause != 0) {
            what += ", " + std::generic_category().message(cause);
        }
    }
    return {extended, what + ")"};
}

/// A pointer to bytes; never null, which SQLite would take for NULL.
const char* address(std::string_view bytes) { return bytes.empty() ? "" : bytes.data(); }

}  // namespace

bool DatabaseError::is_constraint() const { return code() == SQLITE_CONSTRAINT; }

Database::Database(const std::string& path, Mode mode, std::chrono::milliseconds busy_timeout) {
    // Nobody asks how much memory SQLite has: counting it takes a mutex of all connections for each allocation. What
    // was initialized before goes on counting, which does no harm.
    static const int not_counted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    static_cast<void>(not_counted);
    const int flags = (mode == Mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    sqlite3* connection = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
    connection_.reset(connection);  // there is one even where it could not be opened
    if (code != SQLITE_OK) {
        throw error_of(connection, code, "open the database '" + path + "'");
    }
    sqlite3_busy_timeout(connection, static_cast<int>(busy_timeout.count()));
}

void Database::execute(const std::string& sql) {
    if (const int code = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK) {
        throw error_of(connection_.get(), code, "run \"" + sql + "\"");
    }
}

bool Database::in_transaction() const noexcept { return sqlite3_get_autocommit(connection_.get()) == 0; }

void Database::Close::operator()(sqlite3* connection) const noexcept { sqlite3_close(connection); }

Statement::Statement(Database& database, std::string purpose, std::string_view sql)
    : connection_{database.connection_.get()}, purpose_{std::move(purpose)} {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    statement_.reset(statement);
    check(code);
}

void Statement::bind(int index, std::int64_t value) { check(sqlite3_bind_int64(statement_.get(), index, value)); }

void Statement::bind(int index, std::string_view value) {
    check(sqlite3_bind_text64(statement_.get(), index, address(value), value.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::bind(int index, Blob value) {
    check(sqlite3_bind_blob64(statement_.get(), index, address(value.bytes), value.bytes.size(), SQLITE_STATIC));
}

void Statement::check(int code) const {
    if (code != SQLITE_OK) {
        throw error_of(connection_, code, purpose_);
    }
}

std::int64_t Statement::changes() const { return sqlite3_changes64(connection_); }

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }

Statement::Rows::~Rows() {
    sqlite3_reset(statement_.statement_.get());
    sqlite3_clear_bindings(statement_.statement_.get());  // they may point to what goes next
}

bool Statement::Rows::next() {
    const int code = sqlite3_step(statement_.statement_.get());
    if (code == SQLITE_ROW) {
        return true;
    }
    statement_.check(code == SQLITE_DONE ? SQLITE_OK : code);
    return false;
}

std::int64_t Statement::Rows::integer(int column) const {
    return sqlite3_column_int64(statement_.statement_.get(), column);
}

std::string Statement::Rows::bytes(int column) const {
    sqlite3_stmt* const statement = statement_.statement_.get();
    const void* const data = sqlite3_column_blob(statement, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
    return data == nullptr ? std::string{} : std::string{static_cast<const char*>(data), size};
}

TransactionStatements::TransactionStatements(Database& database, Begin begin)
    : database_{database},
      begin_{database, "begin a transaction", begin == Begin::immediate ? "BEGIN IMMEDIATE" : "BEGIN"},
      commit_{database, "commit a transaction", "COMMIT"} {}

Transaction::~Transaction() {
    if (statements_.database_.in_transaction()) {
        try {
            statements_.database_.execute("ROLLBACK");
        } catch (const DatabaseError&) {
            // Nothing was kept, and that is what it is for.
        }
    }
}

}  // namespace gateway
