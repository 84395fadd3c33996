// SPDX-License-Identifier: MIT
//
// The child's side of a reduced map. What at least two threads touch is learned: a run is stepped, each access noted, if one
// of the threads loads other values from shared bytes than in any stepped run before. What a thread does depends on these
// values alone, so no access is missed. When an instruction turns out to touch a shared byte, all begins again, with a
// pause before it as well; in two or three rounds nothing new comes. In the other runs only the points have a breakpoint,
// and so has each place where known code ends: a run that comes there is made again, stepped.
#include "base/affinity.hpp"
#include "explore/memory/next_schedules.hpp"
#include "explore/memory/pair_run.hpp"
#include "explore/place/decode_check.hpp"
#include "explore/replay/hold.hpp"
#include "explore/step/breakpoint.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

namespace nmisim::explore {

namespace {

/// Which instructions touch bytes that at least two threads touch, one of them writing: only before these does it matter
/// which thread runs. Everything that a learning run has noted goes in; instructions come out.
class shared_bytes {
public:
    /// True: something new.
    bool add(unsigned thread, const access_note& a)
    {
        if (!known_.insert({thread, a.ip, a.address, a.size, a.reads, a.writes}).second)
            return false;
        for (std::uint32_t b = 0; b < a.size; ++b)
            touched_[a.address + b] |= bits(thread, a.reads, a.writes);
        return true;
    }

    /// f(thread, ip) for each access to a byte that another thread touches as well. `barriers`: a call that empties
    /// the others' store buffers is one, too.
    template <class F>
    void for_each_conflict(bool barriers, F f) const
    {
        for (const auto& [thread, ip, address, size, reads, writes] : known_) {
            bool conflict = barriers && address == barrier_byte;
            for (std::uint32_t b = 0; b < size && !conflict && address != barrier_byte; ++b) {
                const unsigned by_others = touched_.at(address + b) & ~bits(thread, true, true);
                conflict = (by_others & anybody_wrote) != 0 || (writes && by_others != 0);
            }
            if (conflict)
                f(thread, ip);
        }
    }
    /// Bytes that at least two touch, one of them writing.
    std::size_t count() const
    {
        std::size_t n = 0;
        for (const auto& [address, by] : touched_) {
            unsigned threads = 0;
            for (unsigned t = 0; t < most_threads; ++t)
                threads += (by & bits(t, true, true)) != 0 ? 1 : 0;
            n += threads > 1 && (by & anybody_wrote) != 0 && address > barrier_byte ? 1U : 0U;
        }
        return n;
    }

private:
    static constexpr std::uint8_t read = 1;
    static constexpr std::uint8_t wrote = 2;
    static constexpr std::uint8_t anybody_wrote = 0b101010;
    static std::uint8_t bits(unsigned thread, bool reads, bool writes) noexcept
    {
        const unsigned by = (reads ? read : 0U) | (writes ? wrote : 0U);
        return static_cast<std::uint8_t>(by << (2 * thread));
    }

    std::set<std::tuple<unsigned, std::uintptr_t, std::uintptr_t, std::uint32_t, bool, bool>> known_;
    std::unordered_map<std::uintptr_t, std::uint8_t> touched_; ///< two bits for each thread
};

class explorer_of_pairs {
public:
    explicit explorer_of_pairs(const interleaving_job& j)
        : job_(j), shared_(*j.shared), buffered_(j.within.memory == memory_model::tso),
          pair_(j.what, code_, buffered_), next_(j, shared_, pair_)
    {
        for (unsigned t = 0; t < pair_.threads(); ++t)
            shared_.alive.tid[t].store(pair_.thread(t).thread().tid(),
                                       std::memory_order_relaxed); // before it runs
        remember_code(shared_, code_);
    }

    void all();

private:
    void begin_again();
    void run(std::uint32_t n);
    bool one_run(schedule& s, bool stepped);
    void run_another(std::uint32_t n, unsigned before);
    bool learn_code(unsigned thread);
    bool learn_accesses();
    bool add_points();
    std::vector<std::uintptr_t> watched();
    bool run_free_of_steps();
    bool add_the_only_one();
    bool is_new_to_a_thread();

    const interleaving_job& job_;
    shared_schedules& shared_;
    bool buffered_;
    code_table code_;
    pair_run pair_;
    next_schedules next_;
    shared_bytes bytes_;
    std::unordered_set<std::uint64_t> stepped_[most_threads]; ///< the histories of stepped runs
    bool watches_stale_ = true;
    bool no_breakpoints_ = false;
    bool again_ = false; ///< something new was learned: the schedules are no longer the same
};

// From the schedules without a preemption, one that begins with each of the threads.
void explorer_of_pairs::begin_again()
{
    keep_code(shared_, code_);
    shared_.shared_bytes = static_cast<std::uint32_t>(bytes_.count());
    shared_.current.store(0, std::memory_order_relaxed); // the parent reads it after the end of this process
    for (shared_.count = 0; shared_.count < pair_.threads(); ++shared_.count) {
        schedule& s = shared_.all[shared_.count];
        s = {};
        s.next = static_cast<std::uint8_t>(shared_.count);
    }
    next_.forget();
    again_ = false;
}

// Instructions that the run has met for the first time. True: there were some.
bool explorer_of_pairs::learn_code(unsigned thread)
{
    const memory_watch& w = pair_.watch(thread);
    bool any = false;
    for (const std::uintptr_t ip : w.unknown()) {
        known_instruction* k = code_.find(ip);
        if (k == nullptr) {
            instruction what;
            if (!decode(ip, original_code_at(ip), what))
                note_not_covered(shared_, "an instruction that the disassembler does not know", ip);
            else if (what.refused != nullptr && what.operands == 0)
                note_not_covered(shared_, what.refused, ip);
            if (!decoded_alike(ip, original_code_at(ip)))
                note_not_covered(shared_, "decoder and disassembler do not agree on an instruction", ip);
            what.ip = ip;
            k = code_.add(what);
        }
        if (k == nullptr) {
            note_not_covered(shared_, "more code than is kept", ip);
            return false;
        }
        any = any || !k->use.seen[thread];
        k->use.seen[thread] = true;
    }
    watches_stale_ = watches_stale_ || any;
    return any;
}

// Before the accesses to bytes that others touch. True: there are new ones.
bool explorer_of_pairs::add_points()
{
    bool any = false;
    const auto is_point = [&](unsigned t, std::uintptr_t ip, bool only_drains) {
        known_instruction* const k = code_.find(ip);
        if (k == nullptr || (k->use.point[t] && (only_drains || !k->use.only_drains[t])))
            return;
        k->use.point[t] = true;
        k->use.only_drains[t] = only_drains;
        any = true;
        if (!can_carry_breakpoint(ip))
            note_not_covered(shared_, "shared bytes are read in the vDSO", ip);
    };
    bytes_.for_each_conflict(buffered_, [&](unsigned t, std::uintptr_t ip) { is_point(t, ip, false); });
    for (const known_instruction& k : code_.all())
        for (unsigned t = 0; t < pair_.threads(); ++t)
            if (buffered_ && k.use.seen[t] && (k.what.empties_buffer || k.what.system_call))
                is_point(t, k.what.ip, true);
    return any;
}

// What a stepped run has touched. True: a new point.
bool explorer_of_pairs::learn_accesses()
{
    bool fresh = false;
    for (unsigned t = 0; t < pair_.threads(); ++t) {
        const memory_watch& w = pair_.watch(t);
        for (const access_note& a : w.accesses())
            fresh = bytes_.add(t, a) || fresh;
        if (w.wrong_flag() != 0)
            note_not_covered(shared_, "an operand has changed that the disassembler calls only read",
                             w.wrong_flag());
    }
    const bool any = fresh && add_points();
    watches_stale_ = watches_stale_ || any;
    return any;
}

// The points, and where known code ends: the other way of a branch, and behind a call that did not come back.
std::vector<std::uintptr_t> explorer_of_pairs::watched()
{
    std::vector<std::uintptr_t> at;
    for (const known_instruction& k : code_.all())
        for (unsigned t = 0; t < pair_.threads(); ++t) {
            if (!k.use.seen[t] || k.what.system_call) // that has a gate
                continue;
            if (k.use.point[t])
                at.push_back(k.what.ip);
            const auto unless_seen = [&](std::uintptr_t ip) {
                const known_instruction* next = code_.find(ip);
                if (ip != 0 && (next == nullptr || !next->use.seen[t]))
                    at.push_back(ip);
            };
            if (k.what.branches)
                unless_seen(k.what.target);
            if (k.what.branches || k.what.calls)
                unless_seen(k.what.ip + k.what.length);
            if (k.what.indirect)
                at.push_back(k.what.ip);
        }
    std::sort(at.begin(), at.end());
    at.erase(std::unique(at.begin(), at.end()), at.end());
    return at;
}

// False: no breakpoints here, everything is stepped.
bool explorer_of_pairs::run_free_of_steps()
{
    if (job_.within.how == method::single_step || no_breakpoints_)
        return false;
    if (!watches_stale_)
        return true;
    bool all = true;
    for (const known_instruction& k : code_.all())
        all = all && (!k.what.system_call || plant(k.what.ip, breakpoint_kind::gate, nullptr));
    no_breakpoints_ = !all || !plant_watches(watched());
    watches_stale_ = false;
    return !no_breakpoints_;
}

// True: one of the threads has loaded something else than in any run that was stepped.
bool explorer_of_pairs::is_new_to_a_thread()
{
    bool any = false;
    for (unsigned t = 0; t < pair_.threads(); ++t)
        any = stepped_[t].insert(pair_.watch(t).history()).second || any;
    return any;
}

bool explorer_of_pairs::one_run(schedule& s, bool stepped)
{
    run_begins(s.by_rounds ? job_.hold : nullptr);
    const bool followed = pair_.run(s, stepped);
    shared_.alive.runs.fetch_add(1, std::memory_order_relaxed); // a sign of life
    for (unsigned t = 0; t < pair_.threads(); ++t)
        if (const gap_in_cover& gap = pair_.watch(t).not_covered(); gap.why != nullptr)
            note_not_covered(shared_, gap.why, gap.at, gap.call);
    return followed;
}

// What runs leave behind may lead a schedule elsewhere, each time the same way (liburcu keeps its readers in the order that
// the last grace period left). So another one is run: that which was run before its parent, its parent, and others.
// What it shows is not judged: it was, in its own time. If it ends badly, that is its own outcome.
void explorer_of_pairs::run_another(std::uint32_t n, unsigned before)
{
    const std::uint32_t parent = shared_.all[n].parent;
    const std::uint32_t to_choose[] = {parent == 0 ? 0 : parent - 1, parent, before % (parent + 1)};
    const std::uint32_t chosen = to_choose[before % std::size(to_choose)];
    schedule another = shared_.all[chosen];
    if (another.result == cell::crash || another.result == cell::hang)
        return;
    // Both are read by the parent, after the end of this process.
    shared_.current.store(chosen, std::memory_order_relaxed);
    static_cast<void>(one_run(another, !run_free_of_steps()));
    shared_.current.store(n, std::memory_order_relaxed);
}

void explorer_of_pairs::run(std::uint32_t n)
{
    constexpr unsigned tries = 100;
    schedule& s = shared_.all[n];
    if (s.result != cell::unexplored) // known to end badly
        return;
    bool step_it = false;
    bool has_stepped = false; // once is enough: what counts the runs is new each time
    const bool can_run_free = run_free_of_steps();
    for (unsigned i = 0; i < tries; ++i) {
        const bool stepped = step_it || !run_free_of_steps();
        const bool followed = one_run(s, stepped);
        const char* const broken = job_.what.broken != nullptr ? job_.what.broken() : nullptr;
        bool met_new_code = false;
        for (unsigned t = 0; t < pair_.threads(); ++t)
            met_new_code = learn_code(t) || met_new_code;
        if (met_new_code) {
            step_it = true;
            continue;
        }
        if (stepped && learn_accesses()) {
            again_ = true;
            return;
        }
        if (!followed) {
            for (unsigned more = 0; more < i % 4; ++more) // as many as fit no round of what each run leaves
                run_another(n, i + more);
            continue;
        }
        const bool is_new = is_new_to_a_thread();
        if (!stepped && is_new && !has_stepped) {
            step_it = true;
            continue;
        }
        has_stepped = has_stepped || stepped;
        if (stepped && can_run_free) { // a stepped run may have taken a loop for one that waits
            step_it = false;
            continue;
        }
        s.result = s.updater_waited ? cell::waits : cell::ends;
        if (broken != nullptr) {
            s.result = cell::violation;
            s.text = shared_.texts.remember(broken);
        }
        next_.add(s);
        return;
    }
    s.result = cell::not_reached;
}

// Behind those that are learned from. False: it is there, or nothing is replayed.
bool explorer_of_pairs::add_the_only_one()
{
    if (job_.only == nullptr || shared_.count == shared_schedules::most ||
        shared_.all[shared_.count - 1].by_rounds)
        return false;
    shared_.all[shared_.count++] = *job_.only;
    return true;
}

void explorer_of_pairs::all()
{
    constexpr std::uint32_t most_rounds = 64;
    if (shared_.count == 0)
        begin_again();
    for (;;) {
        const std::uint32_t n = shared_.current.load(std::memory_order_relaxed);
        if (n == shared_.count && !add_the_only_one())
            break;
        run(n);
        if (!again_) {
            shared_.current.store(n + 1, std::memory_order_relaxed); // read after the end of this process
            continue;
        }
        if (++shared_.rounds == most_rounds) {
            shared_.incomplete.set("what the threads share was still growing after many rounds");
            return;
        }
        begin_again();
    }
    keep_code(shared_, code_);
}

} // namespace

int explore_interleavings(void* argument)
{
    interleaving_job& j = *static_cast<interleaving_job*>(argument);
    // Always the first one: code may take another path on another CPU, and a token is to find it. Refused: slower, not wrong.
    pin_self(0);
    install_handlers(0, nullptr);
    arch::step_by_breakpoints(j.within.how == method::automatic && can_check_decoding());
    call(j.what.setup);
    auto* e = new explorer_of_pairs(j); // never freed: the process ends without waiting for its threads
    j.shared->maps.take();
    // read after the end of this process
    j.shared->alive.stage.store(child_stage::at_work, std::memory_order_relaxed);
    e->all();
    j.shared->maps.take();
    return 0;
}

} // namespace nmisim::explore
