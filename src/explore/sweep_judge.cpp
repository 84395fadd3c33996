// SPDX-License-Identifier: MIT
#include "explore/sweep_judge.hpp"

#include "explore/watch/explored_signal.hpp"

#include <cstring>

namespace nmisim::explore {

namespace {

// What the thread knows, or the process that it has made.
forked_run facts_of(const job& j, const stepped_thread& self)
{
    if (j.what.forked_child)
        return j.shared->forked;
    return {self.reached(), self.raise_error(), self.raised_while_blocked()};
}

std::uintptr_t delivered_at(const job& j, const stepped_thread& self)
{
    return j.what.forked_child
               ? j.shared->nmi.handler_at.load(std::memory_order_relaxed) // its writer has ended
               : self.delivered_at();
}

} // namespace

fate fate_of(const job& j, const stepped_thread& self)
{
    if (delivered_at(j, self) != 0)
        return fate::delivered;
    const without_handler without = j.shared->nmi.without.load(std::memory_order_relaxed); // this thread's
    if (without == without_handler::ignored)
        return fate::ignored;
    if (j.what.forked_child)
        return without == without_handler::default_action ? fate::by_default
               : facts_of(j, self).raised_while_blocked   ? fate::held
                                                          : fate::lost;
    if (j.what.thread_end)
        return self.raised_while_blocked() ? fate::held : fate::lost;
    if (!is_blocked(j.signal()))
        return fate::lost;
    return drain(j.signal()) ? fate::held : fate::taken;
}

void judge_call(const job& j, const stepped_thread& self, shared_call& c, fate nmi)
{
    const call_order& o = j.shared->order;
    c.entered = self.reached() && o.entered && o.sent;
    c.returned = o.result;
    c.restarted = self.delivered_at() == o.at;
    c.result = verdict::clean;
    if (o.error != 0)
        c.set(verdict::not_reached,
              (std::string("the call cannot be traced: ") + strerrorname_np(o.error)).c_str());
    else if (!self.reached())
        c.set(verdict::not_reached, "the run took another path than the recorded one");
    else if (c.entered && nmi == fate::held)
        c.set(verdict::held, "blocked until after the window");
    else if (const char* broken = j.what.broken != nullptr ? j.what.broken() : nullptr;
             c.entered && broken != nullptr)
        c.set(verdict::violation, broken);
    else if (c.entered && nmi != fate::delivered)
        c.set(verdict::unhandled, "taken without its handler (sigwait, signalfd)");
    c.done = true;
}

void judge(const job& j, const stepped_thread& self, std::uint32_t k, fate nmi)
{
    shared_cell& c = j.cells[k];
    const forked_run facts = facts_of(j, self);
    c.set(verdict::clean, ""); // instead of what a try before this one was
    c.delivered_at = delivered_at(j, self);
    c.strayed = !facts.reached;
    const auto broken = [&j] { return j.what.broken != nullptr ? j.what.broken() : nullptr; };
    const char* wrong = nullptr;
    if (!facts.reached) { // an oracle that counts the NMI would accuse the code here
        c.set(verdict::not_reached,
              j.each_in_a_fork || j.within.fresh
                  ? "the run took another path than the recorded one, from the same state: time "
                    "or chance decide"
              : j.shared->has_threads
                  ? "the run took another path than the recorded one: put back in `prepare` what a run leaves"
                  : "the run took another path than the recorded one");
    } else if (facts.raise_error != 0) { // EAGAIN: the user's limit of pending signals
        c.set(verdict::not_reached,
              (std::string("the NMI could not be raised: ") + strerrorname_np(facts.raise_error)).c_str());
    } else if (j.what.forked_child && j.shared->fault.killed_by() != 0) {
        c.result = verdict::crash;
        c.fault.copy(j.shared->fault);
    } else if (nmi == fate::held && !(j.what.forked_child && (wrong = broken()) != nullptr)) {
        c.set(verdict::held, j.what.forked_child ? "blocked until the exec or the end of the process"
                                                 : "blocked until after the window");
    } else if (nmi == fate::lost) {
        c.set(verdict::not_reached, "the NMI was not delivered");
    } else if (wrong != nullptr || (wrong = broken()) != nullptr) {
        c.set(verdict::violation, wrong);
    } else if (nmi != fate::delivered) {
        c.set(verdict::unhandled, nmi == fate::ignored ? "ignored: no handler is installed there"
                                  : nmi == fate::by_default
                                      ? "its default action: no handler is installed there"
                                      : "taken without its handler (sigwait, signalfd)");
    }
    c.done = true;
}

} // namespace nmisim::explore
