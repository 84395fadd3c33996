// SPDX-License-Identifier: MIT
//
// Proof instead of luck: run your own code with an NMI (a real-time signal) at every instruction boundary of
// the compiled binary, one boundary per run, and check your invariant after each run.
//
//     namespace explore = nmisim::explore;
//     const auto r = explore::sweep({.name = "counter",
//                                    .prepare = [] { counter = 0; },
//                                    .window = increment,  // what is explored
//                                    .nmi = increment,     // your handler
//                                    .broken = [] { return counter == 2 ? nullptr : "an update is lost"; }});
//     std::fputs(to_text(r).c_str(), stdout);
//     return exit_code(r);
//
// Use an alias, not `using namespace`: record, map, function, limits, cell, race and place are names that programs may
// have themselves. Functions that take a report (to_text, exit_code, name_of) are found without the alias.
//
// Three questions can be asked: sweep() places an NMI in one thread; map() pauses one thread at each of its
// instructions and runs another one against it (reader and updater); audit() lists what a handler calls.
//
// How: the window is stepped once to list its boundaries. For each boundary the signal itself is made
// pending in the trap handler, so that the kernel delivers it on the way back, exactly there. Everything runs
// in a child process: a crash or a deadlock is a finding with an address, not the end of the caller. Code that only the
// child has, loaded by `setup` or made at run time, is explored too, and reported with its names and instructions.
//
// What it covers: sequentially consistent interleavings of the code as compiled, with one NMI (sweep) or at most one
// preemption of each thread (map; limits::preemptions for more). A trap serialises, so the processor's own store buffer
// shows nothing; a map with memory_model::tso has one in software. Code that depends on time or on other threads may take another path than
// the recorded one; it is run again, and boundaries that are still missed are reported as not reached, never as
// clean.
//
// Context of every function: control. They fork, so the caller should have one thread only.
#pragma once

#include "nmisim/explore_function.hpp"
#include "nmisim/export.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nmisim::explore {

/// Plain function pointers (a lambda without captures converts): the first boundary is then the first
/// instruction of the function itself, and a child process finds it at the same address.
using function = void (*)();
/// nullptr: the invariants hold. Otherwise what is broken, in a few words.
using oracle = const char* (*)();

/// As a member or parameter: a handler of the form (int, siginfo_t*, void*) and a lambda with captures do not compile.
/// Install such a handler in `setup`, and leave `nmi` unset.
using explored = plain_function<void>;
using asked = plain_function<const char*>;

/// How a run has ended its process.
struct run_end {
    int signal = 0;    ///< that killed it; 0: none did
    int exit_code = 0; ///< of exit() or _exit(), where no signal killed it
};
/// nullptr: a run may end like this. Otherwise what is wrong with it, in a few words.
/// Context: the caller's process; that of the run is gone.
using end_oracle = const char* (*)(const run_end&);

/// Another signal than the target's. It comes into the handler of the first one, at each boundary of it, and together with
/// the first one: both pending. That at each boundary of the window at which the first one alone is delivered and clean.
struct second_signal {
    int signal = 0; ///< 0: there is none
    explored nmi =
        nullptr; ///< its handler; it and target::nmi do not block each other. Unset: as target::nmi
};

struct target {
    const char* name = "window";
    explored setup = nullptr;   ///< once per child process: registers threads, installs handlers
    explored prepare = nullptr; ///< before each run: puts the state back
    explored window = nullptr;  ///< the code that is interrupted; must take the same path each time
    /// The handler. Unset: what `setup`, `prepare` or the window itself has installed at that boundary.
    explored nmi = nullptr;
    asked broken = nullptr; ///< after each run
    /// After a run that ended its process, instead of `broken`. Unset: a run may end only by the explored signal after
    /// its handler has run (a crash handler that passes it on).
    end_oracle ended = nullptr;
    int signal = 0; ///< 0: SIGRTMIN + 1
    /// True: each run makes a thread that runs `window` and ends. Not `window` is explored but the thread's end, up to
    /// its last instruction: destructors of thread-local objects, libc's own, the system call `exit`. For handlers that
    /// must not run in a thread that is no longer registered.
    bool thread_end = false;
    /// True: each run of `window` makes a process, by fork(), vfork() or posix_spawn(), and waits for its end. Not `window` is
    /// explored but the first process that it makes, from the return of that call to its exec or exit: the program's
    /// handlers are still installed there. `broken` is asked in the process that made it. If a crash kills that process behind
    /// the NMI, that is a finding without `broken`.
    bool forked_child = false;
    second_signal second{};
};

/// Two threads: the reader is paused at each of its boundaries, the updater runs against it. Or three, see reader2.
struct race {
    const char* name = "race";
    explored setup = nullptr;         ///< once per child process
    explored reader_setup = nullptr;  ///< once, in the reader's thread
    explored updater_setup = nullptr; ///< once, in the updater's thread
    explored prepare = nullptr;       ///< before each schedule, both threads at rest
    explored reader = nullptr;
    explored updater = nullptr;
    asked broken = nullptr; ///< after each schedule, both threads at rest
    /// Comes once on the reader's thread: inside what it does, before any access to bytes that both touch, with at most one
    /// preemption; and after its end. Always a full map, reduced.
    explored nmi = nullptr;
    /// A second reader, in a thread of its own: all three run against each other. Always reduced, without store buffers, and
    /// without cells: the findings say what was found.
    explored reader2 = nullptr;
    explored reader2_setup = nullptr; ///< once, in its thread
};

enum class method {
    automatic,   ///< one-shot breakpoints where they can be planted, single-step where not
    single_step, ///< trap flag only: no text is patched
};

/// Which executions of two threads a map explores.
enum class memory_model {
    sc,  ///< sequentially consistent: a store is visible at once
    tso, ///< x86-TSO: a store may wait in its thread's store buffer while later loads are done
};

struct limits {
    method how = method::automatic;
    std::uint32_t boundaries = 20'000; ///< stop recording here (a restartable sequence never ends)
    /// A run that computes for so long is a hang. One that keeps sleeping with a time-out, or waits for somebody
    /// outside the process, is a hang after ten times as long. Sleeps that nobody can end are reported at once.
    std::uint64_t watchdog_ns = 2'000'000'000;
    std::uint32_t bad_ends = 64; ///< give up after so many crashed or stuck child processes
    /// Give up after so many hangs with the same call chain that only the watchdog could find.
    std::uint32_t same_hangs = 4;
    /// Sweep only: each run in a process of its own, in which nothing but `setup` has run before. So what the handler does
    /// for the first time (a block for thread-local variables, a function bound lazily, the first backtrace(), the guard
    /// of a static object) meets each boundary. Takes a fork and a `setup` for each run.
    bool fresh = false;
    /// Sweep only: also inside each system call of the window: one NMI that is pending when the call is entered, and one
    /// that comes while its thread sleeps in it. Needs ptrace. A call that only a signal ends (pause, sigsuspend, ppoll
    /// without descriptors and time-out) ends what is explored: the NMI ends it.
    bool system_calls = false;
    std::uint32_t pairs = 100'000; ///< target::second only: give up after so many pairs of places
    /// False: symbols and instructions only for what a report of findings shows. Reading them takes longer than a sweep.
    bool name_all = true;
    /// Map only: child processes at a time, at least 1; one per Linux CPU. With more than one, what the windows
    /// write must not be in memory that processes share.
    unsigned processes = 2;
    memory_model memory = memory_model::sc; ///< map only; tso on x86-64 only, and always a full map
    unsigned preemptions = 1;               ///< map only: of each thread; more than 1: always a full map
    /// A full map pauses a thread only before accesses to bytes that both threads touch, and at its end: all other
    /// schedules are the same as one of these. False: at each instruction. Needed for tso and for more preemptions, a second
    /// NMI or reader; with these, without store buffers, false runs also schedules that are the same as another one.
    bool reduce = true;
};

/// An instruction, with what symbols and a disassembler could say about it.
struct place {
    std::uintptr_t ip = 0;
    std::string symbol; ///< demangled; empty: none known
    std::uint64_t offset = 0;
    std::string object; ///< file name of the executable or library
    std::uint64_t object_offset = 0;
    std::string source; ///< file:line, empty: none known
    std::string instruction;
};
/// "symbol+0x1c", or "object+0x1234" without a symbol.
NMISIM_API std::string name_of(const place& where);

enum class verdict : std::uint8_t {
    clean,
    violation,   ///< the oracle said so
    crash,       ///< the run ended its process, by a signal or by an exit, as it must not
    hang,        ///< the child process stood still; `what` names the state
    held,        ///< raised there, but the window had the signal blocked to its end: not delivered
    not_reached, ///< the run took another path than the recorded one
    unhandled,   ///< raised there and gone without a handler: ignored, or taken by sigwait; no check failed
};
NMISIM_API std::string_view name_of(verdict v) noexcept;

struct sweep_cell {
    std::uint32_t boundary = 0; ///< index into boundaries
    nmisim::explore::verdict verdict = verdict::clean;
    std::string what;
    /// Where the handler interrupted, another place than the boundary while signals are blocked. 0: it did not run.
    std::uintptr_t delivered_at = 0;
    std::string token{}; ///< of a finding: what replay() takes
};

/// When an NMI comes into a system call.
enum class arrival : std::uint8_t {
    pending, ///< before it is entered, too late to be delivered there
    asleep,  ///< while its thread sleeps in it
};
NMISIM_API std::string_view name_of(arrival a) noexcept;

/// One NMI inside a system call. Calls that did not sleep have none of arrival::asleep.
struct call_cell {
    std::uint32_t boundary = 0; ///< that of its instruction
    nmisim::explore::arrival arrival = arrival::pending;
    std::string call;   ///< "poll"
    place called_from;  ///< where the window's own object called what made it
    std::string result; ///< "EINTR", "restarted", "returned 3"
    nmisim::explore::verdict verdict = verdict::clean;
    std::string what;
    std::string token{}; ///< of a finding: what replay() takes
};

/// Two signals: the first one at a boundary of the window, the second one in its handler.
struct pair_cell {
    std::uint32_t boundary = 0; ///< of the window
    bool together = false;      ///< both pending there; otherwise:
    std::uint32_t inside = 0;   ///< the boundary of the handler's run
    std::uintptr_t ip = 0;      ///< its instruction, see sweep_report::handler
    std::uint32_t round = 0;    ///< how often the handler has been there before
    nmisim::explore::verdict verdict = verdict::clean;
    std::string what{};
    std::uintptr_t delivered_at = 0; ///< what the second handler interrupted; 0: it did not run
    std::string token{};             ///< of a finding: what replay() takes
};

struct NMISIM_API sweep_report {
    std::string name;
    std::string absent; ///< not empty: why the mechanism does not work here; nothing was explored
    std::vector<place> boundaries;
    std::vector<sweep_cell> cells;
    std::vector<call_cell> calls; ///< see limits::system_calls
    std::vector<pair_cell> pairs; ///< see target::second
    std::vector<place> handler;   ///< the first signal's, its instructions, each once
    bool complete = true;         ///< false: `incomplete` says why not all was explored
    std::string incomplete;
    std::uint64_t record_ns = 0;
    std::uint64_t elapsed_ns = 0; ///< all of it, recording and symbols included

    std::size_t count(verdict v) const noexcept; ///< in cells, calls and pairs
    std::size_t handler_runs() const noexcept;   ///< boundaries for which the handler ran
    bool clean() const noexcept
    {
        return absent.empty() && complete &&
               count(verdict::clean) + count(verdict::held) + count(verdict::unhandled) ==
                   cells.size() + calls.size() + pairs.size();
    }
};

/// Runs the window once per boundary with one NMI there. glibc's malloc takes its lock only if there are two threads.
/// To see a deadlock in it, start a thread in `setup`, which may wait in pause(). Errors: std::system_error if no child
/// process can be started.
NMISIM_API sweep_report sweep(const target& what, const limits& within = {});

/// One NMI at one place. The boundaries of a run, without any NMI: cells is empty.
NMISIM_API sweep_report record(const target& what, const limits& within = {});

enum class cell : std::uint8_t {
    unexplored,
    ends,        ///< the updater ended while the reader was paused (reader first: it reached its boundary)
    waits,       ///< the updater had to wait for the reader, and ended after it
    violation,   ///< the oracle said so
    crash,       ///< the child process was killed by a signal, or ended itself
    hang,        ///< both were free to go and did not end
    not_reached, ///< a thread took another path than the recorded one
};
NMISIM_API std::string_view name_of(cell c) noexcept;

/// A stretch in which one thread runs and only its store buffer drains.
struct map_context {
    bool reader = false;
    bool reader2 = false;        ///< and the second one
    bool by_itself = false;      ///< it ended, or waited
    bool at_end = false;         ///< stopped at its end, with stores left
    place before;                ///< otherwise: stopped before this instruction
    unsigned waiting_stores = 0; ///< in its store buffer while the other thread runs
    // The oldest of them, and the load that was done before it was visible.
    place stored_by;
    std::uintptr_t stored_at = 0;
    unsigned stored_size = 0;
    std::uint64_t stored_value = 0;
    place overtaken_by;
    std::uintptr_t loaded_from = 0;
};

struct map_finding {
    std::uint32_t reader = 0;  ///< boundary index at which the reader was paused
    std::uint32_t updater = 0; ///< boundary index at which the updater was paused
    bool reader_first = false; ///< who went first, see map_report
    cell kind = cell::violation;
    std::string what;
    std::string schedule;                ///< the whole schedule in words
    std::vector<map_context> contexts{}; ///< of a reduced map: the schedule, but for its end
    std::string token{};                 ///< what replay() takes
    bool smallest = true;                ///< of a reduced map: no smaller schedule of it ends like this
    bool nmi = false;                    ///< race::nmi came
    place nmi_before{};                  ///< this instruction; ip 0: at the reader's end
    bool reader2_first = false;          ///< with reader_first: it was the second one
};

/// The schedules of cell (i, j): reader first: reader to i, updater to j, reader to its end, updater to its
/// end. Updater first: updater to j, reader to i, updater to its end (or until it waits), reader to its end.
/// A row map (full = false) has j = 0 only: the whole updater against each boundary of the reader.
struct NMISIM_API map_report {
    std::string name;
    std::string absent;
    std::vector<place> reader;
    std::vector<place> updater;
    bool full = false;
    std::vector<cell> reader_first;  ///< [i * updater.size() + j], empty for a row map
    std::vector<cell> updater_first; ///< the same; for a row map one per i
    std::vector<map_finding> findings;
    std::uint64_t schedules = 0; ///< of which the outcome is known: the cells without the unexplored ones
    std::uint64_t runs = 0;      ///< schedules that were run; the others are the same as one of them
    bool complete = true;
    std::string incomplete;
    /// The measured read-side critical section: the updater, run whole, waits at boundaries first..last.
    int first_waiting = -1; ///< -1: it never waits
    int last_waiting = -1;
    bool contiguous = false;
    memory_model memory = memory_model::sc;
    unsigned preemptions = 1;
    bool nmi = false;     ///< schedules with race::nmi, too: not shown in the cells
    unsigned readers = 1; ///< 2: there are no cells
    bool reduced = false;
    /// What the reduction could not follow. Not empty: never clean, but for an sc map, which was then made without it.
    std::vector<std::string> unsupported;
    std::uint32_t reader_points = 0;  ///< accesses to shared bytes, when it runs alone
    std::uint32_t updater_points = 0; ///< the same
    std::uint32_t shared_bytes = 0;   ///< that both touch, one of the two writing
    std::string waits_in;             ///< the state in which the updater waits: system call and caller
    std::uint64_t elapsed_ns = 0;

    std::size_t count(cell c) const noexcept;
    bool clean() const noexcept
    {
        return absent.empty() && complete && findings.empty() && count(cell::not_reached) == 0 &&
               count(cell::unexplored) == 0;
    }
};

/// All schedules with at most one preemption of each thread (full), or the whole updater at each boundary of
/// the reader. Errors: std::system_error if no child process or thread can be started.
NMISIM_API map_report map(const race& what, bool full = false, const limits& within = {});

struct audit_entry {
    std::string function; ///< as called
    std::string object;
    place called_from;
    bool safe = false;
    std::string why; ///< for an unsafe one: what is wrong with it
    std::uint32_t calls = 0;
    std::vector<std::string> chain; ///< the functions that lead to it, from the handler to itself
    bool deep = false;              ///< called by another object than the handler's
};

struct NMISIM_API audit_report {
    std::string name;
    std::string absent;
    /// In the order of the first call: each function of another object that the handler's object calls, once, and
    /// each one that allocates, locks or throws, once for each function that calls it.
    std::vector<audit_entry> entries;
    std::string ends; ///< how the handler ends the process, empty: it returns
    std::uint32_t steps = 0;
    bool complete = true;
    std::string incomplete;
    std::uint64_t elapsed_ns = 0;

    std::size_t unsafe() const noexcept;
    bool clean() const noexcept { return absent.empty() && complete && unsafe() == 0; }
};

using any_report = std::variant<sweep_report, map_report, audit_report>;

/// Single-steps `handler` once, for the first time (nothing is bound or touched before), and lists every function of
/// another object that the handler's own object calls. A function that is not on POSIX's list of async-signal-safe
/// functions (signal-safety(7)) is unsafe. Functions that allocate, lock, throw, or enter the dynamic loader are unsafe
/// in every object and at any depth; `chain` says who calls them. What they call in turn is not listed. `allowed`:
/// further names that the caller vouches for, each for itself and not for what it calls; a name stands for its forms in
/// libc too (`malloc` for `__libc_malloc`). In a static program every function belongs to the handler's own object:
/// there only functions known to be unsafe are reported.
NMISIM_API audit_report audit(const char* name, explored handler, explored setup = nullptr,
                              const std::vector<std::string>& allowed = {}, const limits& within = {});

/// For an updater that waits by spinning: call it in the loop, to say so. Sleeping waits (futex, poll, sleep) are seen
/// without it. Context: any thread; does nothing outside of a map.
NMISIM_API void about_to_wait() noexcept;

/// Why nothing can be explored here (valgrind, emulator, debugger), or an empty text. It is tried: a small window is
/// stepped in a child process and its boundaries are counted.
NMISIM_API std::string mechanism_absent();

/// 0 clean, 3 violation, 77 the mechanism is absent, 1 incomplete.
NMISIM_API int exit_code(const sweep_report& r) noexcept;
NMISIM_API int exit_code(const map_report& r) noexcept;
NMISIM_API int exit_code(const audit_report& r) noexcept;

/// Tables for people. `all`: every boundary, not only the findings.
NMISIM_API std::string to_text(const sweep_report& r, bool all = false);
NMISIM_API std::string to_text(const map_report& r, bool all = false);
NMISIM_API std::string to_text(const audit_report& r, bool all = false);

} // namespace nmisim::explore
