// SPDX-License-Identifier: Apache-2.0
#include "faulty_vfs.hpp"

#include <fstream>
#include <map>
#include <mutex>
#include <sqlite3.h>
#include <stdexcept>
#include <string>
#include <utility>

namespace test {

/// What the VFS's functions, which SQLite calls without an object of ours, work on.
class FaultyDisk {
  public:
    FaultyDisk();
    FaultyDisk(const FaultyDisk&) = delete;
    FaultyDisk& operator=(const FaultyDisk&) = delete;
    ~FaultyDisk() {
        sqlite3_vfs_unregister(&vfs_);
        sqlite3_vfs_register(real_, 1);
    }

    void break_at(FaultyVfs::Call call, int nth, FaultyVfs::Until until, int code) {
        const std::lock_guard lock{mutex_};
        armed_ = true;
        broke_ = false;
        call_ = call;
        countdown_ = nth;
        until_ = until;
        code_ = code;
    }

    void repair() {
        const std::lock_guard lock{mutex_};
        armed_ = false;
    }

    bool broke() const {
        const std::lock_guard lock{mutex_};
        return broke_;
    }

    std::uint64_t syncs() const {
        const std::lock_guard lock{mutex_};
        return syncs_;
    }

    std::map<std::string, std::string> synced() const {
        const std::lock_guard lock{mutex_};
        return synced_;
    }

    /// What such a call is to return instead of being made, or SQLITE_OK.
    int attempt(FaultyVfs::Call call) {
        const std::lock_guard lock{mutex_};
        if (!armed_ || call != call_ || --countdown_ > 0) {
            return SQLITE_OK;
        }
        broke_ = true;
        armed_ = until_ == FaultyVfs::Until::repaired;
        return code_;
    }

    void keep(const std::string& name, std::string content) {
        const std::lock_guard lock{mutex_};
        ++syncs_;
        synced_[name] = std::move(content);
    }

    void forget(const std::string& name) {
        const std::lock_guard lock{mutex_};
        synced_.erase(name);
    }

    sqlite3_vfs* real_vfs() { return real_; }

  private:
    sqlite3_vfs* const real_ = sqlite3_vfs_find(nullptr);
    sqlite3_vfs vfs_;
    mutable std::mutex mutex_;
    bool armed_ = false;
    bool broke_ = false;
    FaultyVfs::Call call_ = FaultyVfs::Call::write;
    FaultyVfs::Until until_ = FaultyVfs::Until::once;
    int countdown_ = 0;
    int code_ = SQLITE_OK;
    std::uint64_t syncs_ = 0;
    std::map<std::string, std::string> synced_;
};

namespace {

/// An open file as SQLite sees it. The real one lies behind it, in the same memory.
struct File {
    sqlite3_file base;
    FaultyDisk* disk;
    const char* name;  // SQLite keeps it
};

File& file_of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }

sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<sqlite3_file*>(reinterpret_cast<File*>(file) + 1); }

FaultyDisk& disk_of(sqlite3_vfs* vfs) { return *static_cast<FaultyDisk*>(vfs->pAppData); }

sqlite3_vfs* real(sqlite3_vfs* vfs) { return disk_of(vfs).real_vfs(); }

int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    const int broken = file_of(file).disk->attempt(FaultyVfs::Call::write);
    return broken != SQLITE_OK ? broken : real(file)->pMethods->xWrite(real(file), bytes, size, offset);
}

/// The real sync is left out: it would only take time.
int sync(sqlite3_file* file, int) {
    File& self = file_of(file);
    if (const int broken = self.disk->attempt(FaultyVfs::Call::sync); broken != SQLITE_OK) {
        return broken;
    }
    sqlite3_int64 size = 0;
    real(file)->pMethods->xFileSize(real(file), &size);
    std::string content(static_cast<std::size_t>(size), '\0');
    if (size > 0) {
        real(file)->pMethods->xRead(real(file), content.data(), static_cast<int>(size), 0);
    }
    if (self.name != nullptr) {
        self.disk->keep(self.name, std::move(content));
    }
    return SQLITE_OK;
}

constexpr sqlite3_io_methods io_methods = {
    2,  // with shared memory, without mapped files
    [](sqlite3_file* file) { return real(file)->pMethods->xClose(real(file)); },
    [](sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
        return real(file)->pMethods->xRead(real(file), bytes, size, offset);
    },
    write,
    [](sqlite3_file* file, sqlite3_int64 size) { return real(file)->pMethods->xTruncate(real(file), size); },
    sync,
    [](sqlite3_file* file, sqlite3_int64* size) { return real(file)->pMethods->xFileSize(real(file), size); },
    [](sqlite3_file* file, int level) { return real(file)->pMethods->xLock(real(file), level); },
    [](sqlite3_file* file, int level) { return real(file)->pMethods->xUnlock(real(file), level); },
    [](sqlite3_file* file, int* out) { return real(file)->pMethods->xCheckReservedLock(real(file), out); },
    [](sqlite3_file* file, int op, void* arg) { return real(file)->pMethods->xFileControl(real(file), op, arg); },
    [](sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); },
    [](sqlite3_file* file) { return real(file)->pMethods->xDeviceCharacteristics(real(file)); },
    [](sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
        return real(file)->pMethods->xShmMap(real(file), page, size, extend, memory);
    },
    [](sqlite3_file* file, int offset, int n, int flags) {
        return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
    },
    [](sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); },
    [](sqlite3_file* file, int remove) { return real(file)->pMethods->xShmUnmap(real(file), remove); },
    nullptr,
    nullptr,
};

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    File& self = file_of(file);
    self.disk = &disk_of(vfs);
    self.name = name;
    const int result = real(vfs)->xOpen(real(vfs), name, real(file), flags, out_flags);
    self.base.pMethods = real(file)->pMethods != nullptr ? &io_methods : nullptr;
    return result;
}

int remove(sqlite3_vfs* vfs, const char* name, int sync_directory) {
    const int result = real(vfs)->xDelete(real(vfs), name, sync_directory);
    if (result == SQLITE_OK) {
        disk_of(vfs).forget(name);
    }
    return result;
}

}  // namespace

FaultyDisk::FaultyDisk() : vfs_{*real_} {
    // What is not said here is the real one's, which needs no data of its own.
    vfs_.zName = "faulty";
    vfs_.pNext = nullptr;
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    vfs_.pAppData = this;
    vfs_.xOpen = open;
    vfs_.xDelete = remove;
    vfs_.xAccess = [](sqlite3_vfs* vfs, const char* name, int flags, int* out) {
        return real(vfs)->xAccess(real(vfs), name, flags, out);
    };
    vfs_.xFullPathname = [](sqlite3_vfs* vfs, const char* name, int size, char* out) {
        return real(vfs)->xFullPathname(real(vfs), name, size, out);
    };
    if (sqlite3_vfs_register(&vfs_, 1) != SQLITE_OK) {
        throw std::runtime_error{"SQLite does not take the faulty VFS"};
    }
}

FaultyVfs::FaultyVfs() : disk_{std::make_unique<FaultyDisk>()} {}

FaultyVfs::~FaultyVfs() = default;

void FaultyVfs::break_at(Call call, int nth, Until until, int code) { disk_->break_at(call, nth, until, code); }

bool FaultyVfs::broke() const { return disk_->broke(); }

void FaultyVfs::repair() { disk_->repair(); }

std::uint64_t FaultyVfs::syncs() const { return disk_->syncs(); }

void FaultyVfs::save_synced(const std::filesystem::path& directory, const std::filesystem::path& to) const {
    for (const auto& [name, content] : disk_->synced()) {
        const std::filesystem::path path{name};
        if (path.parent_path() != directory) {
            continue;
        }
        std::ofstream out{to / path.filename(), std::ios::binary | std::ios::trunc};
        out.write(content.data(), static_cast<std::streamsize>(content.size()));
        if (!out.flush()) {
            throw std::runtime_error{"cannot write what was synced of " + name};
        }
    }
}

}  // namespace test
