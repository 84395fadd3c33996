// SPDX-License-Identifier: MIT
#include "report/output_file.hpp"

#include "support/catch2.hpp"
#include "support/child.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

using namespace nmisim;
namespace fs = std::filesystem;

namespace {

/// A folder of its own, removed at the end.
struct scratch {
    fs::path path;
    scratch()
    {
        std::string name = (fs::temp_directory_path() / "nmi-sim-test-XXXXXX").string();
        path = mkdtemp(name.data());
    }
    ~scratch() { fs::remove_all(path); }
    std::size_t files() const
    {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(path), fs::directory_iterator()));
    }
};

std::string content(const fs::path& file)
{
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

TEST_CASE("a report file replaces the old one as a whole and leaves nothing beside it", "[output]")
{
    const scratch dir;
    const fs::path file = dir.path / "run.json";
    write_output_file(file, "first, and longer");
    write_output_file(file, "second");
    CHECK(content(file) == "second");
    CHECK(dir.files() == 1);
}

TEST_CASE("a symbolic link stays and the file behind it is replaced", "[output]")
{
    const scratch dir;
    const fs::path link = dir.path / "latest.json";
    write_output_file(dir.path / "run.json", "old");
    fs::create_symlink("run.json", link);
    write_output_file(link, "new");
    CHECK(fs::is_symlink(link));
    CHECK(content(dir.path / "run.json") == "new");
}

TEST_CASE("a chain of symbolic links stays where its end is not there yet, each read from its own folder",
          "[output]")
{
    const scratch dir;
    fs::create_directories(dir.path / "runs" / "new");
    fs::create_symlink("runs/last.json", dir.path / "latest.json");
    fs::create_symlink(dir.path / "runs" / "new" / "link.json", dir.path / "runs" / "last.json");
    fs::create_symlink("../run.json", dir.path / "runs" / "new" / "link.json");
    CHECK_NOTHROW(check_output_file(dir.path / "latest.json"));
    write_output_file(dir.path / "latest.json", "new");
    CHECK(fs::is_symlink(dir.path / "latest.json"));
    CHECK(fs::is_symlink(dir.path / "runs" / "last.json"));
    CHECK(fs::is_symlink(dir.path / "runs" / "new" / "link.json"));
    CHECK(content(dir.path / "runs" / "run.json") == "new");
}

TEST_CASE("a symbolic link into a folder that is not there is told before the run", "[output]")
{
    const scratch dir;
    fs::create_symlink("missing/run.json", dir.path / "latest.json");
    CHECK_THROWS_AS(check_output_file(dir.path / "latest.json"), std::system_error);
}

TEST_CASE("a device is written to and not replaced", "[output]")
{
    write_output_file("/dev/null", "gone");
    CHECK(fs::is_character_file("/dev/null"));
    CHECK_THROWS_AS(write_output_file("/dev/full", "too much"), std::system_error);
    CHECK(fs::is_character_file("/dev/full"));
}

TEST_CASE("a place that cannot be written is told before the run, and leaves nothing", "[output]")
{
    const scratch dir;
    CHECK_NOTHROW(check_output_file(dir.path / "run.json"));
    CHECK_THROWS_AS(check_output_file(dir.path / "missing" / "run.json"), std::system_error);
    CHECK_THROWS_AS(check_output_file(dir.path), std::system_error);
    CHECK_THROWS_AS(check_output_file(""), std::system_error);
    CHECK_THROWS_AS(write_output_file(dir.path / "missing" / "run.json", "x"), std::system_error);
    CHECK(dir.files() == 0);
}

TEST_CASE("Ctrl-C while an output file is written leaves it complete, and nothing else", "[output]")
{
    const scratch folder;
    const std::string path = folder.path / "report.json";
    const std::string report(1 << 20, 'x');
    write_output_file(path, "old");
    for (int i = 0; i < 20; ++i) {
        const test::child_result child = test::in_child(20, [&]() -> std::string {
            std::signal(SIGINT, SIG_DFL);
            const pid_t writer = getpid();
            if (fork() == 0) {
                usleep(static_cast<useconds_t>(500 * i));
                kill(writer, SIGINT);
                _exit(0);
            }
            for (;;)
                write_output_file(path, report);
        });
        REQUIRE_FALSE(child.exited);
        CHECK(child.code == SIGINT);
        const std::string found = content(path);
        CHECK((found == report || found == "old"));
        CHECK(folder.files() == 1);
    }
}
