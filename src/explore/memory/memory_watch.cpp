// SPDX-License-Identifier: MIT
#include "explore/memory/memory_watch.hpp"

#include "explore/step/breakpoint.hpp"

namespace nmisim::explore {

namespace {

constexpr std::size_t most_points = 8192;
constexpr std::size_t most_accesses = std::size_t{1} << 18;
constexpr std::size_t most_unknown = std::size_t{1} << 17;
constexpr unsigned same_again = 3; // a fourth look at an unchanged value is no other schedule than the third

const volatile unsigned char* program_bytes(std::uintptr_t address) noexcept
{
    return reinterpret_cast<const volatile unsigned char*>(address);
}

} // namespace

memory_watch::memory_watch(code_table& code, origins& values, sleepers& others, unsigned who, bool buffered)
    : code_(code), values_(values), others_(others), who_(who), buffered_(buffered), notes_(most_points),
      accesses_(most_accesses), unknown_(most_unknown)
{}

void memory_watch::begin(bool stepped, std::uintptr_t thread_base) noexcept
{
    stepped_ = stepped;
    thread_base_ = thread_base;
    stop_ = {};
    nmi_ = {};
    nmi_taken_ = false;
    notes_.clear();
    stopped_at_ = 0;
    same_value_ = 0;
    history_ = 0;
    store_count_ = 0;
    shared_stored_ = 0;
    loads_.forget();
    accesses_.clear();
    unknown_.clear();
    only_read_count_ = 0;
    buffer.put_in();
    buffer.empty();
}

// The run will be made again. Meanwhile both threads must only come to their ends: what runs here may wait for the other
// one, and nothing would tell.
instruction_watch::next memory_watch::note_unknown(std::uintptr_t ip) noexcept
{
    constexpr std::size_t from_time_to_time = 4096;
    const std::size_t n = unknown_.count();
    const bool yields = stepped_ ? n % from_time_to_time == from_time_to_time - 1 : n == 0;
    unknown_.add(ip);
    return yields ? next::wait : next::go_on;
}

// Where a jump through a register goes: to code that is known?
instruction_watch::next memory_watch::check_target(const instruction& i, const ucontext_t& at) noexcept
{
    std::uintptr_t target = 0;
    if (i.target_register >= 0) {
        target = register_of(at, i.target_register);
    } else {
        const volatile unsigned char* slot = program_bytes(range_of(i.operand[0], at, thread_base_).address);
        for (std::size_t b = sizeof target; b-- != 0;)
            target = target << 8 | slot[b];
    }
    const known_instruction* k = code_.find(target);
    return k != nullptr && k->use.seen[who_] ? next::go_on : note_unknown(target);
}

void memory_watch::refuse(const char* why, std::uintptr_t ip, long call) noexcept
{
    if (not_covered_.why == nullptr)
        not_covered_ = {why, ip, call};
}

void memory_watch::note_access(std::uintptr_t ip, byte_range where, bool reads, bool writes) noexcept
{
    const access_note note{ip, where.address, static_cast<std::uint32_t>(where.size), reads, writes};
    if (where.size != 0 && !accesses_.add(note))
        refuse("more accesses than are kept", ip);
}

void memory_watch::check_what_was_only_read() noexcept
{
    for (unsigned i = 0; i < only_read_count_; ++i)
        for (std::size_t b = 0; b < only_read_[i].where.size; ++b)
            if (only_read_[i].bytes[b] != program_bytes(only_read_[i].where.address)[b])
                wrong_flag_ = only_read_by_;
    only_read_count_ = 0;
}

void memory_watch::note_all(const instruction& i, const ucontext_t& at) noexcept
{
    only_read_by_ = i.ip;
    for (unsigned n = 0; n < i.operands; ++n) {
        const memory_operand& o = i.operand[n];
        const byte_range where = range_of(o, at, thread_base_);
        note_access(i.ip, where, o.reads, o.writes);
        // The kernel writes to the page that the vDSO reads.
        if (o.writes || o.repeated || where.size > waiting_store::most_bytes || is_in_vdso(i.ip))
            continue;
        operand_before& before = only_read_[only_read_count_++];
        before.where = where;
        for (std::size_t b = 0; b < where.size; ++b)
            before.bytes[b] = program_bytes(where.address)[b];
    }
}

std::uint32_t memory_watch::rounds_at(std::uintptr_t ip, std::uint32_t points) const noexcept
{
    std::uint32_t n = 0;
    for (std::uint32_t p = 0; p < points && p < notes_.count(); ++p)
        n += notes_[p].ip == ip ? 1U : 0U;
    return n;
}

point_note memory_watch::here(std::uintptr_t ip) const noexcept
{
    point_note p{
        ip, buffer.count(), 0, true, state(ip), values_.state(), values_.changes(), others_.asleep(), false};
    for (unsigned i = 0; i < buffer.count(); ++i)
        if (buffer[i].overtaken_by != 0)
            p.overtaken |= 1U << i;
    return p;
}

// Before the point at `ip`.
bool memory_watch::is_at(wanted_point& p, std::uintptr_t ip) const noexcept
{
    if (p.ip == ip && rounds_at(ip, points()) == p.rounds)
        p.number = points();
    return p.number == points();
}

// It begins and ends with an empty store buffer. Where it comes decides what the thread does, as what it loads does.
bool memory_watch::begin_nmi(bool due) noexcept
{
    if (!due || nmi_taken_)
        return false;
    settle();
    nmi_taken_ = true;
    history_ = mixed(history_, nmi_.number);
    buffer.empty();
    return true;
}

bool memory_watch::nmi_at_end() noexcept
{
    only_read_count_ = 0; // the address to return to: that part of the stack is used again
    return begin_nmi(nmi_.number != no_stop);
}

void memory_watch::nmi_ended() noexcept
{
    only_read_count_ = 0; // as above
    settle();
    buffer.empty();
}

instruction_watch::next memory_watch::at_point(const known_instruction& k) noexcept
{
    if (is_at(stop_, k.what.ip)) {
        stopped_at_ = k.what.ip;
        return next::pause;
    }
    point_note p = here(k.what.ip);
    p.useful = same_value_ <= same_again && (!k.use.only_drains[who_] || p.overtaken != 0);
    p.may_sleep = !k.what.system_call;
    if (!notes_.add(p))
        refuse("more accesses to shared bytes than are kept", k.what.ip);
    return next::go_on;
}

// Of an access that it is held before.
void memory_watch::note_next(const instruction& i, const ucontext_t& at) noexcept
{
    others_.is_held(who_);
    for (unsigned n = 0; n < i.operands; ++n)
        others_.will_touch(who_, range_of(i.operand[n], at, thread_base_), i.operand[n].writes);
}

// A shared load that gives the same value again and again, while the thread stores nothing that is shared, waits for the
// other thread.
bool memory_watch::waits_for_a_change(const instruction& i, const ucontext_t& at, bool of_a_point) noexcept
{
    constexpr unsigned enough_at_a_point = 16;
    constexpr unsigned enough_elsewhere = 64; // it may turn out to be shared
    const unsigned enough = of_a_point ? enough_at_a_point : enough_elsewhere;
    same_value_ = 0;
    for (unsigned n = 0; n < i.operands; ++n) {
        const memory_operand& o = i.operand[n];
        if (o.writes) {
            shared_stores_ += of_a_point ? 1 : 0;
            return false;
        }
        if (o.repeated)
            continue;
        const byte_range where = range_of(o, at, thread_base_);
        std::uint64_t value = 0;
        for (std::size_t b = 0; b < where.size && b < sizeof value; ++b)
            value = value << 8 | program_bytes(where.address)[b];
        // Of shared bytes, by where it loads from as well: a thread may wait for several others in one loop.
        seen_load* const l = loads_.of(i.ip, of_a_point ? where.address : 0);
        if (l == nullptr) {
            refuse("more loads than are kept", i.ip);
            return false;
        }
        const bool same =
            l->address == where.address && l->value == value && (l->stores == shared_stores_ || !of_a_point);
        l->times = same ? l->times + 1 : 1;
        l->address = where.address;
        l->value = value;
        l->stores = shared_stores_;
        same_value_ = l->times;
        if (l->times >= enough) {
            l->times = 0;
            return true;
        }
    }
    return false;
}

// Of an access to shared bytes.
void memory_watch::remember(std::uintptr_t ip, byte_range touched, bool reads, bool writes) noexcept
{
    others_.touched(touched, writes);
    const bool counts = reads && same_value_ <= same_again;
    if (counts)
        history_ = mixed(history_, ip);
    for (std::size_t b = 0; b < touched.size; ++b) {
        const std::uint64_t from = values_.of(touched.address + b);
        if (counts)
            history_ = mixed(history_, from);
        if (writes)
            values_.about_to_store(touched.address + b, from);
    }
    if (writes) {
        values_.note_change();
        stores_[store_count_++] = touched;
        ++shared_stored_;
    }
}

void memory_watch::settle() noexcept
{
    buffer.settle();
    for (; store_count_ != 0; --store_count_) {
        const byte_range& s = stores_[store_count_ - 1];
        for (std::size_t b = 0; b < s.size; ++b)
            values_.stored(s.address + b, mixed(mixed(history_, shared_stored_), who_));
    }
}

void memory_watch::do_accesses(const instruction& i, const ucontext_t& at) noexcept
{
    for (unsigned n = 0; n < i.operands; ++n)
        if (const memory_operand& o = i.operand[n]; o.reads) {
            const byte_range where = range_of(o, at, thread_base_);
            buffer.load(where.address, where.size, i.ip);
        }
    if (i.empties_buffer)
        return buffer.empty();
    for (unsigned n = 0; n < i.operands; ++n)
        if (const memory_operand& o = i.operand[n]; o.writes) {
            const byte_range where = range_of(o, at, thread_base_);
            if (!buffer.push(where.address, where.size, i.ip))
                refuse("more stores, or longer ones, than a store buffer here holds", i.ip);
            else if (o.reads) // not locked: its own load is done before the store is visible
                buffer.load_of_last();
        }
}

instruction_watch::next memory_watch::before(const ucontext_t& at) noexcept
{
    const std::uintptr_t ip = arch::ip(at);
    settle();
    check_what_was_only_read();
    const known_instruction* k = code_.find(ip);
    if (k == nullptr || !k->use.seen[who_])
        return note_unknown(ip);
    if (k->what.system_call) // before_call() is asked
        return next::go_on;
    if (k->what.indirect && !stepped_ && check_target(k->what, at) == next::wait)
        return next::wait;
    const bool is_point = k->use.point[who_];
    if (begin_nmi(is_point && !nmi_taken_ && is_at(nmi_, ip)))
        return next::nmi;
    const bool shares = is_point && !k->use.only_drains[who_];
    if ((is_point ? !is_at(stop_, ip) : stepped_) && waits_for_a_change(k->what, at, shares))
        return next::wait;
    if (is_point) {
        if (at_point(*k) == next::pause) {
            note_next(k->what, at);
            return next::pause;
        }
        if (k->what.refused != nullptr)
            refuse(k->what.refused, ip);
        if (buffered_ && k->what.non_temporal)
            refuse("a non-temporal store: weaker than TSO", ip);
        for (unsigned n = 0; n < k->what.operands && shares && k->what.refused == nullptr; ++n)
            remember(ip, range_of(k->what.operand[n], at, thread_base_), k->what.operand[n].reads,
                     k->what.operand[n].writes);
        if (buffered_)
            do_accesses(k->what, at);
    }
    if (stepped_)
        note_all(k->what, at);
    return next::go_on;
}

instruction_watch::next memory_watch::before_call(const ucontext_t& at,
                                                  const arch::system_call& call) noexcept
{
    const std::uintptr_t ip = arch::ip(at);
    settle();
    check_what_was_only_read();
    const known_instruction* k = code_.find(ip);
    if (k == nullptr || !k->use.seen[who_]) {
        note_unknown(ip);
    } else if (k->use.point[who_]) {
        if (begin_nmi(!nmi_taken_ && is_at(nmi_, ip)))
            return next::nmi;
        same_value_ = 0;
        if (at_point(*k) == next::pause)
            return next::pause;
    }
    const call_accesses a = accesses_of(call);
    if (!a.known)
        refuse("what the kernel does to memory in this system call is not known: ", ip, call.nr);
    if (a.touches_kernel) {
        values_.called(who_, ip);
        others_.wake_all();
    }
    if (a.read.address != 0)
        remember(ip, a.read, true, false);
    if (stepped_) {
        if (a.touches_kernel)
            note_access(ip, {kernel_byte, 1}, true, true);
        if (a.empties_all)
            note_access(ip, {barrier_byte, 1}, true, true);
        note_access(ip, a.read, true, false);
        note_access(ip, a.written, false, true);
    }
    if (a.empties_buffer)
        buffer.empty();
    if (a.empties_all && other_ != nullptr && other_->buffer.outside())
        other_->buffer.drain_outside();
    return next::go_on;
}

} // namespace nmisim::explore
