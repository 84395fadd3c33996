// SPDX-License-Identifier: MIT
//
// SQLite: four threads write to one database and read it, each over a connection of its own.
#include "sampled.hpp"

#include <cstdlib>
#include <filesystem>
#include <sqlite3.h>
#include <string>
#include <vector>

namespace {

constexpr int writers = 4, rows = 300;

bool run(sqlite3* base, const std::string& statement, std::string* answer = nullptr)
{
    const auto keep = [](void* to, int, char** values, char**) {
        if (to != nullptr)
            *static_cast<std::string*>(to) += std::string(values[0] != nullptr ? values[0] : "null") + " ";
        return 0;
    };
    return sqlite3_exec(base, statement.c_str(), keep, answer, nullptr) == SQLITE_OK;
}

sqlite3* open_base(const std::string& file)
{
    sqlite3* base = nullptr;
    sqlite3_open(file.c_str(), &base);
    sqlite3_busy_timeout(base, 30'000);
    return base;
}

void write(const std::string& file, int who, std::atomic<int>& failed)
{
    sqlite3* const base = open_base(file);
    for (int n = 0; n < rows; n += 50) {
        failed += run(base, "BEGIN IMMEDIATE") ? 0 : 1;
        for (int i = n; i < n + 50; ++i)
            failed +=
                run(base, "INSERT INTO t VALUES(" + std::to_string(who * rows + i) + ", hex(zeroblob(100)))")
                    ? 0
                    : 1;
        failed += run(base, "COMMIT") ? 0 : 1;
        failed += run(base, "SELECT sum(length(text)) FROM t WHERE number % 7 = 3") ? 0 : 1;
    }
    sqlite3_close(base);
}

std::string work()
{
    std::string folder = (std::filesystem::temp_directory_path() / "nmisim-sqlite-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr)
        return "no folder";
    const std::string file = folder + "/base";
    sqlite3* const base = open_base(file);
    run(base, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE t(number INTEGER PRIMARY "
              "KEY, text)");
    std::atomic<int> failed{0};
    std::vector<std::thread> threads;
    for (int who = 0; who < writers; ++who)
        threads.emplace_back(write, file, who, std::ref(failed));
    for (std::thread& t : threads)
        t.join();
    std::string answer = std::to_string(failed) + " failed ";
    run(base,
        "SELECT count(*) FROM t; SELECT sum(number) FROM t; SELECT sum(length(text)) FROM t; PRAGMA "
        "integrity_check",
        &answer);
    sqlite3_close(base);
    std::filesystem::remove_all(folder);
    return answer;
}

} // namespace

int main()
{
    if (!nmisim::test::say(work() == "0 failed 1200 719400 240000 ok ", "SQLite alone answers as it must"))
        return 1;
    return nmisim::test::sampled(work);
}
