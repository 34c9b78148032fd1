// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_FAULTY_VFS_HPP
#define GATEWAY_TESTS_SUPPORT_FAULTY_VFS_HPP

#include <cstdint>
#include <filesystem>
#include <memory>

namespace test {

class FaultyDisk;

/// While it lives, SQLite's files are on a disk that fails when told to, and that keeps over a loss of power only what
/// was synced. Databases must be opened and closed within its life. Thread-safe.
class FaultyVfs {
  public:
    enum class Call : std::uint8_t { write, sync };
    enum class Until : std::uint8_t {
        once,      ///< the call after it works again
        repaired,  ///< all calls of the kind fail until repair()
    };

    FaultyVfs();
    FaultyVfs(const FaultyVfs&) = delete;
    FaultyVfs& operator=(const FaultyVfs&) = delete;
    ~FaultyVfs();

    /// The nth call of this kind from now, counted from 1, fails with code, such as SQLITE_FULL.
    void break_at(Call call, int nth, Until until, int code);
    /// Whether a call has failed since break_at().
    [[nodiscard]] bool broke() const;
    void repair();

    /// Successful syncs since the beginning.
    [[nodiscard]] std::uint64_t syncs() const;

    /// Writes to another directory what a loss of power would leave now of each file in directory: what it held at its
    /// last sync.
    void save_synced(const std::filesystem::path& directory, const std::filesystem::path& to) const;

  private:
    std::unique_ptr<FaultyDisk> disk_;
};

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_FAULTY_VFS_HPP
