// SPDX-License-Identifier: MIT
//
// Code that only the exploring child has in its memory: it is still explored, and reported by name and instruction.
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include "explore/place/elf_file.hpp"
#include "explore/place/places.hpp"
#include "explore/step/breakpoint.hpp"
#include "explore/watch/child.hpp"
#include "explore/watch/shared.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

using counting = void (*)(long*);
counting enter = nullptr;
long counted = 0;

#if defined(__x86_64__)
constexpr unsigned char increment[] = {0x48, 0xff, 0x07, 0xc3}; // incq (%rdi); ret
constexpr unsigned char decrement[] = {0x48, 0xff, 0x0f, 0xc3}; // decq (%rdi); ret
constexpr std::string_view increment_text = "incq";
constexpr std::string_view decrement_text = "decq";
#else
// ldr x1, [x0]; add or sub x1, x1, #1; str x1, [x0]; ret
constexpr unsigned char increment[] = {0x01, 0x00, 0x40, 0xf9, 0x21, 0x04, 0x00, 0x91,
                                       0x01, 0x00, 0x00, 0xf9, 0xc0, 0x03, 0x5f, 0xd6};
constexpr unsigned char decrement[] = {0x01, 0x00, 0x40, 0xf9, 0x21, 0x04, 0x00, 0xd1,
                                       0x01, 0x00, 0x00, 0xf9, 0xc0, 0x03, 0x5f, 0xd6};
constexpr std::string_view increment_text = "add";
constexpr std::string_view decrement_text = "sub";
#endif

void load_plugin()
{
    void* const library = dlopen(NMISIM_TEST_PLUGIN, RTLD_NOW);
    enter = reinterpret_cast<counting>(dlsym(library, "nmisim_test_plugin"));
}

// Where this process has two pages that cannot be read.
void* the_pages()
{
    static void* const two = mmap(nullptr, 2 * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)), PROT_NONE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return two;
}

// At the very end of its mapping: nothing is mapped behind it.
template <std::size_t N>
void make_page(const unsigned char (&code)[N])
{
    const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    auto* const two = static_cast<unsigned char*>(
        mmap(the_pages(), size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    munmap(two + size, size);
    std::memcpy(two + size - N, code, N);
    mprotect(two, size, PROT_READ | PROT_EXEC);
    __builtin___clear_cache(reinterpret_cast<char*>(two), reinterpret_cast<char*>(two) + size);
    enter = reinterpret_cast<counting>(two + size - N);
}

void call()
{
    enter(&counted);
}

void load_plugin_once_and_call()
{
    if (enter == nullptr)
        load_plugin();
    enter(&counted);
}

int plugin_file = -1;
off_t plugin_code = 0;
void* plugin_place = nullptr;
bool called_before = false;

// As a loader of the program's own would.
void find_plugin_code()
{
    load_plugin();
    Dl_info info{};
    dladdr(reinterpret_cast<void*>(enter), &info);
    const auto behind =
        reinterpret_cast<std::uintptr_t>(enter) - reinterpret_cast<std::uintptr_t>(info.dli_fbase);
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    plugin_code = static_cast<off_t>(behind / page * page);
    plugin_place = mmap(nullptr, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    enter = reinterpret_cast<counting>(reinterpret_cast<std::uintptr_t>(plugin_place) + behind % page);
    plugin_file = open(NMISIM_TEST_PLUGIN, O_RDONLY | O_CLOEXEC);
}

void map_plugin_from_the_second_run_on()
{
    if (!std::exchange(called_before, true))
        return;
    // Writable: a page that a step has made so would not be any more.
    mmap(plugin_place, 1, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, plugin_file,
         plugin_code);
    enter(&counted);
}

bool names_the_plugin(const sweep_report& r)
{
    return std::any_of(r.boundaries.begin(), r.boundaries.end(),
                       [](const place& p) { return p.object.find("plugin") != std::string::npos; });
}

target calling(function setup)
{
    return {.name = "loaded late",
            .setup = setup,
            .prepare = [] { counted = 0; },
            .window = call,
            .nmi = call,
            .broken = [] { return counted == 2 || counted == -2 ? nullptr : "an update is lost"; }};
}

bool tells(const sweep_report& r, std::string_view mnemonic)
{
    return std::any_of(r.boundaries.begin(), r.boundaries.end(),
                       [&](const place& p) { return p.instruction.starts_with(mnemonic); });
}

bool instructions_have_texts()
{
    return std::string_view(disassembly_by()) != "none";
}

bool hidden_symbols_have_names()
{
    return std::string_view(symbols_by()) != "dladdr";
}

} // namespace

TEST_CASE("what setup loads is mapped in the child alone, and explored with its names")
{
    const sweep_report r = sweep(calling(load_plugin));
    INFO(to_text(r, true));
    CHECK(enter == nullptr);
    CHECK(r.count(verdict::clean) + r.count(verdict::violation) == r.boundaries.size());
    bool object = false;
    bool symbol = false;
    for (const place& p : r.boundaries) {
        object = object || p.object.find("plugin") != std::string::npos;
        symbol = symbol || p.symbol == "nmisim_test_plugin";
        CHECK((!p.instruction.empty() || !instructions_have_texts()));
    }
    CHECK(object);
    CHECK((symbol || !hidden_symbols_have_names()));
}

TEST_CASE("what the window loads in its first run has its names, and what it maps in a later one")
{
    for (const target& what : {target{.name = "at first", .window = load_plugin_once_and_call, .nmi = [] {}},
                               target{.name = "later",
                               .setup = find_plugin_code,
                               .window = map_plugin_from_the_second_run_on,
                               .nmi = [] {}}}) {
        const sweep_report r = record(what);
        INFO(to_text(r, true));
        CHECK(r.complete);
        CHECK(names_the_plugin(r));
    }
}

TEST_CASE("an audit looks into what setup loads")
{
    const audit_report r = audit("plugin", call, load_plugin, {"nmisim_test_plugin"});
    INFO(to_text(r, true));
    REQUIRE(r.entries.size() == 1);
    CHECK(r.entries[0].object.find("plugin") != std::string::npos);
    CHECK((r.clean() || !hidden_symbols_have_names()));
}

TEST_CASE("code made at run time is explored to the last byte of its page, each time as it is then")
{
    the_pages();
    const sweep_report up = sweep(calling([] { make_page(increment); }));
    const sweep_report down = sweep(calling([] { make_page(decrement); }));
    for (const auto& [r, text] : {std::pair{&up, increment_text}, std::pair{&down, decrement_text}}) {
        INFO(to_text(*r, true));
        CHECK(r->complete);
        CHECK(r->count(verdict::clean) + r->count(verdict::violation) == r->boundaries.size());
        CHECK((tells(*r, text) || !instructions_have_texts()));
    }
}

TEST_CASE("an instruction is told as it is without breakpoints")
{
    const auto planted = [](void* as_watch) {
        make_page(increment);
        prepare_breakpoints();
        const auto at = reinterpret_cast<std::uintptr_t>(enter);
        const bool there =
            as_watch != nullptr ? plant_watches({at}) : plant(at, breakpoint_kind::gate, nullptr);
        enable_watches(true);
        if (!there || *reinterpret_cast<unsigned char*>(at) == increment[0])
            return 2;
        const code_bytes code = original_code_at(at);
        const std::size_t told = std::min(sizeof increment, code.byte.size());
        return code.size == told && std::memcmp(code.byte.data(), increment, told) == 0 ? 0 : 1;
    };
    int as_watch = 0;
    CHECK(wait_child(start_child(planted, nullptr)).code == 0);
    CHECK(wait_child(start_child(planted, &as_watch)).code == 0);
}

#if defined(__x86_64__)
namespace {

int look_for_a_system_call_in_late_code(void*)
{
    prepare_breakpoints();
    for (int looks = 0; looks < 100; ++looks)
        static_cast<void>(
            is_system_call_at(1)); // no code is there, and it is looked for less often than that
    void* const page =
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    constexpr unsigned char call[] = {0x0f, 0x05};
    std::memcpy(page, call, sizeof call);
    const auto at = reinterpret_cast<std::uintptr_t>(page);
    return original_instruction_at(at).size != 0                 ? 2
           : is_system_call_at(at) && !is_system_call_at(at + 1) ? 0
                                                                 : 1;
}

} // namespace

TEST_CASE("a system call is seen where no code is known of any more")
{
    CHECK(wait_child(start_child(look_for_a_system_call_in_late_code, nullptr)).code == 0);
}
#endif

namespace {

std::string contents_of(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

TEST_CASE("a file that has lost its table of sections keeps its build id and the names of its slots")
{
    Dl_info libc{};
    REQUIRE(dladdr(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), &libc) != 0);
    const std::string file = contents_of(libc.dli_fname);
    const int fd = memfd_create("without sections", 0);
    REQUIRE(write(fd, file.data(), file.size()) == static_cast<ssize_t>(file.size()));
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    REQUIRE_FALSE(elf_file(path).sections().empty());
    ElfW(Ehdr) head{};
    REQUIRE(pread(fd, &head, sizeof head, 0) == sizeof head);
    head.e_shentsize = 0;
    REQUIRE(pwrite(fd, &head, sizeof head, 0) == sizeof head);
    CHECK(elf_file(path).sections().empty()); // what stands there may be anything
    head.e_shoff = 0;
    head.e_shnum = 0;
    head.e_shstrndx = SHN_UNDEF;
    REQUIRE(pwrite(fd, &head, sizeof head, 0) == sizeof head);
    CHECK(elf_file(path).sections().empty());
    const std::string id = build_id_of(path);
    const slot_names slots = names_of_slots(path, 0x10000);
    close(fd);
    CHECK_FALSE(id.empty());
    CHECK(id == build_id_of(libc.dli_fname));
    CHECK_FALSE(slots.empty());
    CHECK(slots == names_of_slots(libc.dli_fname, 0x10000));
}

TEST_CASE("a slot is named by the relocation in its object's file, whatever this process has mapped there")
{
    // The text of a child's mappings: this executable, loaded elsewhere.
    constexpr std::uintptr_t base = 0x10000;
    const slot_names here = names_of_slots("/proc/self/exe", base);
    bool libc = false;
    for (const auto& [slot, name] : here) {
        CHECK(slot >= base);
        libc = libc || name == "mprotect";
    }
    CHECK(libc);
    CHECK(names_of_slots("/nonexistent", base).empty());
    CHECK(names_of_slots("/proc/self/maps", base).empty()); // no ELF file
}
