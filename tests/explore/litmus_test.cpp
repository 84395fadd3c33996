// SPDX-License-Identifier: MIT
//
// Litmus tests: small programs of two threads, each with an outcome that x86-TSO allows and sequential consistency
// does not, or that neither allows (Sewell, Sarkar, Owens, Zappa Nardelli, Myreen, CACM 2010; Owens, Sarkar, Sewell, TPHOLs
// 2009: n5, n6; Alglave, Maranget, Tautschnig, TOPLAS 2014: R, S, 2+2W). The machine code is what counts, so loads and
// stores are assembly.
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__

using namespace nmisim::explore;

namespace {

struct alignas(64) place_of_its_own {
    long value;
};
place_of_its_own x, y, z, turn, inside, violated;
long r0, r1, r2, r3;

void store(place_of_its_own& to, long value)
{
    asm volatile("movq %1, %0" : "=m"(to.value) : "r"(value) : "memory");
}
long load(const place_of_its_own& from)
{
    long value;
    asm volatile("movq %1, %0" : "=r"(value) : "m"(from.value) : "memory");
    return value;
}
long load_half(const place_of_its_own& from)
{
    std::uint16_t value;
    asm volatile("movw %1, %0" : "=r"(value) : "m"(from.value) : "memory");
    return value;
}
void exchange(place_of_its_own& to, long value)
{
    asm volatile("xchgq %1, %0" : "+m"(to.value), "+r"(value) : : "memory");
}
long locked_add(place_of_its_own& to, long value)
{
    asm volatile("lock xaddq %1, %0" : "+m"(to.value), "+r"(value) : : "memory");
    return value;
}
void add_without_lock(place_of_its_own& to)
{
    asm volatile("incq %0" : "+m"(to.value) : : "memory");
}
void mfence()
{
    asm volatile("mfence" ::: "memory");
}
void lfence()
{
    asm volatile("lfence" ::: "memory");
}
void membarrier()
{
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

void nothing() {}

void clear()
{
    for (place_of_its_own* p : {&x, &y, &z, &turn, &inside, &violated})
        p->value = 0;
    r0 = r1 = r2 = r3 = -1;
}

// An oracle inside a window is a locked instruction: a plain one would wait in the store buffer, too.
void critical_section()
{
    if (locked_add(inside, 1) != 0)
        locked_add(violated, 1);
    locked_add(inside, -1);
}

template <void (*Fence)()>
void peterson(place_of_its_own& mine, place_of_its_own& others, long me)
{
    store(mine, 1);
    store(turn, 1 - me);
    Fence();
    while (load(others) != 0 && load(turn) == 1 - me) {
    }
    critical_section();
    store(mine, 0);
}
template <void (*Fence)()>
void dekker(place_of_its_own& mine, place_of_its_own& others)
{
    store(mine, 1);
    Fence();
    if (load(others) == 0)
        critical_section();
    store(mine, 0);
}

template <place_of_its_own& Mine, place_of_its_own& Others, long& Seen, void (*Between)() = nothing>
void store_and_load()
{
    store(Mine, 1);
    Between();
    Seen = load(Others);
}
template <place_of_its_own& Mine, place_of_its_own& Others, long& Own, long& Seen,
          long (*Load)(const place_of_its_own&)>
void store_and_load_both()
{
    store(Mine, 1);
    Own = Load(Mine);
    Seen = load(Others);
}
template <place_of_its_own& Other>
void lock_elsewhere()
{
    locked_add(Other, 1);
}

// x: the reader's word. y: the published object, 0 or 1. z: object 0, 7 when reclaimed.
void use_what_is_published()
{
    if (load(y) == 0)
        r0 = load(z);
}
template <void (*Fence)()>
void rcu_reader()
{
    store(x, 1);
    Fence();
    use_what_is_published();
    store(x, 0);
}
void rcu_reader_by_xchg()
{
    exchange(x, 1);
    use_what_is_published();
    store(x, 0);
}
template <void (*Before)(), void (*After)()>
void rcu_updater()
{
    Before();
    store(y, 1);
    After();
    if (load(x) == 0)
        store(z, 7);
}

const char* if_it(bool weak)
{
    return weak ? "the weak outcome" : nullptr;
}
const char* both_loads_are_early()
{
    return if_it(r0 == 0 && r1 == 0);
}
const char* both_loads_are_early_but_the_own()
{
    return if_it(r0 == 1 && r1 == 0 && r2 == 1 && r3 == 0);
}
const char* two_inside()
{
    return if_it(violated.value != 0);
}
const char* used_after_reclaim()
{
    return if_it(r0 == 7);
}

struct litmus {
    const char* name;
    function first;
    function second;
    oracle weak;
    bool tso;                 ///< x86 allows it
    unsigned preemptions = 1; ///< of each thread
};

const litmus all[] = {
    {"SB", store_and_load<x, y, r0>, store_and_load<y, x, r1>, both_loads_are_early, true},
    {"SB with one mfence", store_and_load<x, y, r0, mfence>, store_and_load<y, x, r1>, both_loads_are_early,
     true},
    {"SB and an mfence behind the load",
     [] {
         store(x, 1);
         r0 = load(y);
         mfence();
     },
     [] {
         store(y, 1);
         r1 = load(x);
         mfence();
     },
     both_loads_are_early, true},
    {"SB+lfence", store_and_load<x, y, r0, lfence>, store_and_load<y, x, r1, lfence>, both_loads_are_early,
     true},
    {"SB with two stores to one place",
     [] {
         store(x, 1);
         store(x, 2);
         r0 = load(y);
     },
     [] {
         store(y, 1);
         mfence();
         r1 = load(x);
     },
     both_loads_are_early, true},
    {"SB behind the first of two stores, both preemptions of the first thread",
     [] {
         store(turn, 1);
         store(turn, 2);
         mfence();
         store(x, 1);
         r0 = load(y);
         mfence();
     },
     [] {
         r2 = load(turn);
         store(y, 1);
         mfence();
         r1 = load(x);
     },
     [] { return if_it(r2 == 1 && r0 == 0 && r1 == 0); }, true, 2},
    {"R",
     [] {
         store(x, 1);
         store(y, 1);
     },
     [] {
         store(y, 2);
         r0 = load(x);
     },
     [] { return if_it(y.value == 2 && r0 == 0); }, true},
    {"n6",
     [] {
         store(x, 1);
         r0 = load(x);
         r1 = load(y);
     },
     [] {
         store(y, 2);
         store(x, 2);
     },
     [] { return if_it(r0 == 1 && r1 == 0 && x.value == 1); }, true},
    {"SB with own reads (iwp2.4)", store_and_load_both<x, y, r0, r1, load>,
     store_and_load_both<y, x, r2, r3, load>, both_loads_are_early_but_the_own, true},
    {"SB with a half-word forwarded", store_and_load_both<x, y, r0, r1, load_half>,
     store_and_load_both<y, x, r2, r3, load_half>, both_loads_are_early_but_the_own, true},
    {"Peterson", [] { peterson<nothing>(x, y, 0); }, [] { peterson<nothing>(y, x, 1); }, two_inside, true},
    {"Dekker", [] { dekker<nothing>(x, y); }, [] { dekker<nothing>(y, x); }, two_inside, true},
    {"RCU, a reader that only stores", rcu_reader<nothing>, rcu_updater<nothing, mfence>, used_after_reclaim,
     true},
    {"RCU, an updater without a fence", rcu_reader_by_xchg, rcu_updater<nothing, nothing>, used_after_reclaim,
     true},
    {"RCU, membarrier before the publish", rcu_reader<nothing>, rcu_updater<membarrier, nothing>,
     used_after_reclaim, true},
    {"two increments without a lock", [] { add_without_lock(x); }, [] { add_without_lock(x); },
     [] { return if_it(x.value == 1); }, true},
    {"two increments, each locked", [] { locked_add(x, 1); }, [] { locked_add(x, 1); },
     [] { return if_it(x.value == 1); }, false},
    {"SB+mfence", store_and_load<x, y, r0, mfence>, store_and_load<y, x, r1, mfence>, both_loads_are_early,
     false},
    {"SB+xchg",
     [] {
         exchange(x, 1);
         r0 = load(y);
     },
     [] {
         exchange(y, 1);
         r1 = load(x);
     },
     both_loads_are_early, false},
    {"SB with a lock on another address", store_and_load<x, y, r0, lock_elsewhere<inside>>,
     store_and_load<y, x, r1, lock_elsewhere<turn>>, both_loads_are_early, false},
    {"SB with membarrier on one side", store_and_load<x, y, r0>, store_and_load<y, x, r1, membarrier>,
     both_loads_are_early, false},
    {"MP",
     [] {
         r0 = load(y);
         r1 = load(x);
     },
     [] {
         store(x, 1);
         store(y, 1);
     },
     [] { return if_it(r0 == 1 && r1 == 0); }, false},
    {"MP with a reader that spins",
     [] {
         for (int i = 0; i < 1000 && (r0 = load(y)) == 0; ++i) { // it runs alone, too
         }
         r1 = load(x);
     },
     [] {
         store(x, 1);
         store(y, 1);
     },
     [] { return if_it(r0 == 1 && r1 == 0); }, false},
    {"LB",
     [] {
         r0 = load(y);
         store(x, 1);
     },
     [] {
         r1 = load(x);
         store(y, 1);
     },
     [] { return if_it(r0 == 1 && r1 == 1); }, false},
    {"R+mfence",
     [] {
         store(x, 1);
         mfence();
         store(y, 1);
     },
     [] {
         store(y, 2);
         mfence();
         r0 = load(x);
     },
     [] { return if_it(y.value == 2 && r0 == 0); }, false},
    {"S",
     [] {
         store(x, 2);
         store(y, 1);
     },
     [] {
         r0 = load(y);
         store(x, 1);
     },
     [] { return if_it(r0 == 1 && x.value == 2); }, false},
    {"2+2W",
     [] {
         store(x, 1);
         store(y, 2);
     },
     [] {
         store(y, 1);
         store(x, 2);
     },
     [] { return if_it(x.value == 1 && y.value == 1); }, false},
    {"n5",
     [] {
         store(x, 1);
         r0 = load(x);
     },
     [] {
         store(x, 2);
         r1 = load(x);
     },
     [] { return if_it(r0 == 2 && r1 == 1); }, false},
    {"CoWR beside a store that waits twice",
     [] {
         store(x, 1);
         r0 = load(y);
         r1 = load(z);
     },
     [] {
         store(x, 5);
         r2 = load(x);
         store(y, 1);
         store(z, 1);
     },
     [] { return if_it(r2 == 0); }, false, 2},
    {"Peterson+mfence", [] { peterson<mfence>(x, y, 0); }, [] { peterson<mfence>(y, x, 1); }, two_inside,
     false},
    {"Dekker+mfence", [] { dekker<mfence>(x, y); }, [] { dekker<mfence>(y, x); }, two_inside, false},
    {"RCU, a reader with mfence", rcu_reader<mfence>, rcu_updater<nothing, mfence>, used_after_reclaim,
     false},
    {"RCU, a reader by xchg", rcu_reader_by_xchg, rcu_updater<nothing, mfence>, used_after_reclaim, false},
    {"RCU, membarrier behind the publish", rcu_reader<nothing>, rcu_updater<nothing, membarrier>,
     used_after_reclaim, false},
};

// capstone 4 takes both stores for loads.
void store_16_bytes()
{
    asm volatile("movups %%xmm0, %0" : "=m"(x.value) : : "memory");
}
void compare_and_store()
{
    long none = 0;
    asm volatile("lock cmpxchgq %2, %0" : "+m"(y.value), "+a"(none) : "r"(long{1}) : "memory");
}

// What cannot be followed.
struct alignas(64) {
    unsigned char bytes[512];
} state;
void store_by_movnti()
{
    asm volatile("movnti %1, %0" : "=m"(x.value) : "r"(1L) : "memory");
}
void save_state()
{
    asm volatile("fxsave %0" : "=m"(state) : : "memory");
}
void set_a_bit_of_many()
{
    asm volatile("btsq %1, %0" : "+m"(z.value) : "r"(5L) : "memory");
}

// pushw: the disassembler takes two bytes more for its operand.
void push_two_bytes()
{
    asm volatile("leaq -128(%%rsp), %%rsp\n\t"
                 ".byte 0x66, 0xf2, 0x68, 0, 0\n\t"
                 "leaq 130(%%rsp), %%rsp"
                 :
                 :
                 : "memory");
}

void wake_nobody()
{
    syscall(SYS_futex, &z, FUTEX_WAKE_PRIVATE, 0);
}

map_report map_of(const litmus& l, memory_model memory)
{
    limits within;
    within.memory = memory;
    within.preemptions = l.preemptions;
    return map({.name = l.name,
                .setup = [] { syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0); },
                .prepare = clear,
                .reader = l.first,
                .updater = l.second,
                .broken = l.weak},
               true, within);
}

} // namespace

TEST_CASE(
    "what x86-TSO allows is found, what it forbids is not, and sequential consistency finds none of the weak")
{
    const litmus& l = GENERATE(from_range(std::begin(all), std::end(all)));
    const map_report sc = map_of(l, memory_model::sc);
    const map_report tso = map_of(l, memory_model::tso);
    INFO(l.name << "\n" << to_text(sc) << to_text(tso));
    if (!tso.absent.empty()) // built without capstone
        return;
    CHECK(sc.clean());
    CHECK(tso.complete);
    CHECK(tso.unsupported.empty());
    CHECK(tso.findings.empty() == !l.tso);
}

TEST_CASE("a store that the disassembler takes for a load is a store")
{
    const map_report r = map_of({"stores",
                                 [] {
                                     store_16_bytes();
                                     compare_and_store();
                                 },
                                 [] {
                                     r0 = load(x);
                                     r1 = load(y);
                                 },
                                 [] { return if_it(r0 == 0 && r1 == 0); }, false},
                                memory_model::tso);
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(r.unsupported.empty());
    CHECK(r.reader_points == 2);
    CHECK(exit_code(r) == 3); // both loads come first: so it does look
}

TEST_CASE("what cannot be followed is told: an sc map is made in full, a tso map is not complete")
{
    struct refused {
        function stores;
        bool also_sc;
    };
    const refused one = GENERATE(refused{store_by_movnti, false}, refused{save_state, true},
                                 refused{set_a_bit_of_many, true});
    const litmus l{"refused", one.stores,
                   [] {
                       r0 = load(x);
                       r1 = *static_cast<const volatile unsigned char*>(state.bytes);
                   },
                   [] { return if_it(false); }, false};
    const map_report sc = map_of(l, memory_model::sc);
    const map_report tso = map_of(l, memory_model::tso);
    INFO(to_text(sc) << to_text(tso));
    if (!tso.absent.empty())
        return;
    CHECK(sc.clean());
    CHECK(sc.reduced == !one.also_sc);
    CHECK(sc.unsupported.empty() == !one.also_sc);
    CHECK(tso.unsupported.size() == 1);
    CHECK_FALSE(tso.clean());
    CHECK(exit_code(tso) == 1);
}

TEST_CASE("code that only a schedule comes to is checked as well: decoder and disassembler agree on it")
{
    const map_report r = map_of({"a rare way",
                                 [] {
                                     if (load(x) != 0)
                                         push_two_bytes();
                                 },
                                 [] { store(x, 1); }, [] { return if_it(false); }, false},
                                memory_model::tso);
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    REQUIRE(r.unsupported.size() == 1);
    CHECK(r.unsupported.front().starts_with("decoder and disassembler do not agree"));
    CHECK(exit_code(r) == 1);
}

TEST_CASE("an NMI begins and ends with an empty store buffer, and comes before a system call, too")
{
    static bool counts; ///< the NMI came where it matters
    struct around {
        function reader;
        function nmi;
        function updater;
        bool found;
    };
    const auto& [reader, nmi, updater, found] = GENERATE(
        // Its entry: the store before it is visible. The second load is a place to pause inside.
        around{[] { store(x, 1), r2 = 0; }, [] { counts = r2 == 0, r0 = load(y), r3 = load(y); },
               store_and_load<y, x, r1, mfence>, false},
        // Its return: so is its own.
        around{[] { r0 = load(y); }, [] { counts = r0 == -1, store(x, 1); }, store_and_load<y, x, r1, mfence>,
               false},
        around{[] { wake_nobody(), r2 = 0; }, [] { counts = r2 == -1, r0 = r1 = 0; }, wake_nobody, true});
    limits within;
    within.memory = memory_model::tso;
    const map_report r = map({.name = "an NMI",
                              .prepare = [] { clear(), counts = false; },
                              .reader = reader,
                              .updater = updater,
                              .broken = [] { return if_it(counts && r0 == 0 && r1 == 0); },
                              .nmi = nmi},
                             true, within);
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(r.complete);
    CHECK(r.findings.empty() == !found);
}

TEST_CASE("of a store that waits at its thread's end the value of that run is told")
{
    static long runs;
    static char began[32];
    limits within;
    within.memory = memory_model::tso;
    const function increment = [] { add_without_lock(x); };
    const map_report r = map({.name = "two increments",
                              .prepare = [] { clear(), x.value = ++runs; },
                              .reader = increment,
                              .updater = increment,
                              .broken = []() -> const char* {
                                  std::snprintf(began, sizeof began, "%ld", runs);
                                  return x.value == runs + 1 ? began : nullptr;
                              }},
                             true, within);
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    bool told = false;
    for (const map_finding& f : r.findings)
        for (const map_context& c : f.contexts)
            if (c.at_end && c.waiting_stores == 1) {
                told = true;
                CHECK(c.stored_at == reinterpret_cast<std::uintptr_t>(&x));
                CHECK(c.stored_value == std::stoull(f.what) + 1);
            }
    CHECK(told);
}

#endif
