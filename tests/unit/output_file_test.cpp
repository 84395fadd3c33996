// SPDX-License-Identifier: MIT
#include "report/output_file.hpp"

#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/opened_files.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
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

TEST_CASE("no signal that ends the process while an output file is written leaves anything beside it",
          "[output]")
{
    const scratch folder;
    const std::string path = folder.path / "report.json";
    const std::string report(1 << 20, 'x');
    write_output_file(path, "old");
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGUSR2};
    for (int i = 0; i < 24; ++i) {
        const int number = signals[i % std::size(signals)];
        const test::child_result child = test::in_child(20, [&]() -> std::string {
            const rlimit no_core{0, 0};
            setrlimit(RLIMIT_CORE, &no_core);
            std::signal(number, SIG_DFL);
            const pid_t writer = getpid();
            if (fork() == 0) {
                usleep(static_cast<useconds_t>(500 * i));
                kill(writer, number);
                _exit(0);
            }
            for (;;)
                write_output_file(path, report);
        });
        CAPTURE(number);
        REQUIRE_FALSE(child.exited);
        CHECK(child.code == number);
        const std::string found = content(path);
        CHECK((found == report || found == "old"));
        CHECK(folder.files() == 1);
    }
}

TEST_CASE("the file beside is new, and nobody knows its name before", "[output]")
{
    const scratch dir;
    const std::string path = dir.path / "run.json";
    std::set<std::string> names;
    for (const bool replaces : {false, true, true}) {
        std::size_t made = 0;
        for (const test::opened_file& f : test::opened_files([&] { write_output_file(path, "new"); })) {
            if ((f.flags & O_CREAT) == 0)
                continue;
            CAPTURE(f.path, f.flags, f.mode);
            ++made;
            CHECK((f.flags & (O_EXCL | O_CLOEXEC)) == (O_EXCL | O_CLOEXEC));
            CHECK((f.flags & O_TRUNC) == 0);
            CHECK(fs::path(f.path).parent_path() == dir.path);
            CHECK(names.insert(f.path).second);
            // What will be as secret as the old one is not readable for an instant.
            CHECK(f.mode == (replaces ? 0600 : 0666));
        }
        if (made == 0) {
            WARN("skipped: nobody can be traced here");
            return;
        }
        CHECK(content(path) == "new");
    }
    // Twice in one process.
    names.clear();
    std::size_t made = 0;
    for (const test::opened_file& f : test::opened_files([&] {
             write_output_file(path, "new");
             write_output_file(path, "new");
         }))
        if ((f.flags & O_CREAT) != 0) {
            ++made;
            names.insert(f.path);
        }
    CHECK(names.size() == made);
    CHECK(made == 2);
}

TEST_CASE("a link that was put where the file beside used to be leads nowhere", "[output]")
{
    const scratch dir;
    write_output_file(dir.path / "victim", "precious");
    const test::child_result child = test::in_child(20, [&]() -> std::string {
        fs::create_symlink("victim", dir.path / ("run.json.tmp." + std::to_string(getpid())));
        write_output_file(dir.path / "run.json", "new");
        return "done";
    });
    CHECK(child.text == "done");
    CHECK(content(dir.path / "victim") == "precious");
    CHECK_FALSE(fs::is_symlink(dir.path / "run.json"));
}

TEST_CASE("who might read and write the old file may read and write the new one, and nobody else", "[output]")
{
    const scratch dir;
    const std::string path = dir.path / "run.json";
    for (const mode_t mode : {0600, 0640, 0644, 0666}) {
        write_output_file(path, "old");
        chmod(path.c_str(), mode);
        write_output_file(path, "new");
        struct stat info {};
        REQUIRE(stat(path.c_str(), &info) == 0);
        CHECK((info.st_mode & 07777) == mode);
    }
    if (geteuid() != 0) {
        WARN("skipped: only root may give a file away");
        return;
    }
    constexpr uid_t somebody = 65534;
    REQUIRE(chown(path.c_str(), somebody, somebody - 1) == 0);
    write_output_file(path, "newer");
    struct stat info {};
    REQUIRE(stat(path.c_str(), &info) == 0);
    CHECK(info.st_uid == somebody);
    CHECK(info.st_gid == somebody - 1);
    CHECK((info.st_mode & 07777) == 0666);
}

TEST_CASE("a group that cannot be kept leaves no group more than all had", "[output]")
{
    if (geteuid() != 0) {
        WARN("skipped: only root can be somebody else");
        return;
    }
    const scratch dir;
    const std::string path = dir.path / "run.json";
    write_output_file(path, "old");
    constexpr gid_t others = 4242;
    constexpr uid_t somebody = 65534;
    REQUIRE(chown(path.c_str(), somebody, others) == 0);
    chmod(path.c_str(), 0664);
    chmod(dir.path.c_str(), 0777);
    const test::child_result child = test::in_child(20, [&]() -> std::string {
        if (setgroups(0, nullptr) != 0 || setgid(somebody) != 0 || setuid(somebody) != 0)
            return "cannot be somebody";
        write_output_file(path, "new");
        return "done";
    });
    CHECK(child.text == "done");
    struct stat info {};
    REQUIRE(stat(path.c_str(), &info) == 0);
    CHECK(info.st_gid == somebody);
    CHECK((info.st_mode & 07777) == 0644);
}

TEST_CASE("a new file has the permissions that umask gives", "[output]")
{
    const scratch dir;
    const mode_t before = umask(027);
    write_output_file(dir.path / "run.json", "new");
    umask(before);
    struct stat info {};
    REQUIRE(stat((dir.path / "run.json").c_str(), &info) == 0);
    CHECK((info.st_mode & 07777) == 0640);
}

TEST_CASE("a file that may not be written is told before the run, and not replaced", "[output]")
{
    const scratch dir;
    const std::string path = dir.path / "run.json";
    write_output_file(path, "old");
    chmod(path.c_str(), 0444);
    chmod(dir.path.c_str(), 0777);
    const test::child_result child = test::in_child(20, [&]() -> std::string {
        if (geteuid() == 0 && setuid(65534) != 0)
            return "cannot be somebody";
        check_output_file(path);
        return "taken";
    });
    CHECK(child.text.find("Permission denied") != std::string::npos);
    CHECK(content(path) == "old");
}

TEST_CASE("standard output that is a file gets the report behind what it has", "[output]")
{
    const scratch dir;
    const std::string path = dir.path / "all.txt";
    const test::child_result child = test::in_child(20, [&]() -> std::string {
        const int fd = open(path.c_str(), O_WRONLY | O_CREAT, 0600);
        dup2(fd, STDOUT_FILENO);
        if (write(STDOUT_FILENO, "text\n", 5) != 5)
            return "cannot write";
        check_output_file("/dev/stdout");
        write_output_file("/dev/stdout", "{}\n");
        write_output_file("/proc/self/fd/1", "{}\n");
        return "done";
    });
    CHECK(child.text == "done");
    CHECK(content(path) == "text\n{}\n{}\n");
}

TEST_CASE("a name as long as one may be is no reason to fail at the end", "[output]")
{
    const scratch dir;
    const fs::path file = dir.path / std::string(255, 'n');
    CHECK_NOTHROW(check_output_file(file));
    write_output_file(file, "new");
    CHECK(content(file) == "new");
    CHECK(dir.files() == 1);
}

TEST_CASE("a look before the run leaves what is there, and nothing else", "[output]")
{
    const scratch dir;
    write_output_file(dir.path / "run.json", "old");
    check_output_file(dir.path / "run.json");
    check_output_file(dir.path / "other.json");
    CHECK(content(dir.path / "run.json") == "old");
    CHECK(dir.files() == 1);
}
