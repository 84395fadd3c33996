// SPDX-License-Identifier: MIT
//
// The purity audit. A handler is stepped once in a child process, cold, so that what happens only the first
// time (lazy binding, thread-local storage, static objects) is seen as well. What it enters in another object
// is looked up; what an unsafe function calls in turn is not listed, the handler is to blame for the call.
#include "base/clock.hpp"
#include "explore/place/objects.hpp"
#include "explore/place/places.hpp"
#include "explore/place/signal_safe.hpp"
#include "explore/step/stepper.hpp"
#include "explore/watch/child.hpp"
#include "explore/watch/shared.hpp"

#include <algorithm>
#include <unordered_set>

namespace nmisim::explore {

namespace {

constexpr std::uint32_t most_steps = 400'000; // a throw takes some 26 000
constexpr std::uintptr_t longest_instruction = 15;

struct shared_audit {
    progress alive;
    trace steps;
    shared_maps maps; ///< with what `setup` has loaded
};

struct audit_job {
    function handler;
    function setup;
    shared_audit* shared;
};

int step_handler(void* argument)
{
    const audit_job& j = *static_cast<audit_job*>(argument);
    if (j.setup != nullptr)
        j.setup();
    j.shared->maps.take();
    install_handlers(0, nullptr);
    stepped_thread self;
    plan p;
    p.record = &j.shared->steps;
    self.run(j.handler, p);
    j.shared->maps.take(); // the handler may have loaded something, too
    return 0;
}

class auditor {
public:
    auditor(const trace& steps, std::string_view maps, std::uintptr_t handler,
            const std::vector<std::string>& allowed, audit_report& report)
        : steps_(steps), names_(maps), own_(object_at(handler)), allowed_(allowed), report_(report)
    {}

    void run()
    {
        for (std::uint32_t i = 1; i < steps_.count; ++i) {
            const std::uintptr_t from = steps_.ip[i - 1];
            const std::uintptr_t to = steps_.ip[i];
            const loaded_object* left = object_at(from);
            const loaded_object* entered = object_at(to);
            if (entered == own_)
                own_function(i);
            else if (left == own_)
                foreign_function(i, entered);
            else if (left != nullptr && left->loader && entered != left)
                add(name_entered(i), entered, call_site_, {}); // the loader goes on to what it has bound
        }
    }

private:
    const loaded_object* object_at(std::uintptr_t address) { return names_.objects().at(address); }
    const place& place_of(std::uintptr_t address) { return names_.of(address); }
    const place& place_of_step(std::uint32_t i) { return names_.of(steps_.ip[i], steps_.code[i]); }

    // A function of the handler's own object: its code is the user's business, unless its name is known.
    void own_function(std::uint32_t i)
    {
        const std::uintptr_t to = steps_.ip[i];
        if (to > steps_.ip[i - 1] && to <= steps_.ip[i - 1] + longest_instruction)
            return;
        if (!looked_at_.insert(to).second)
            return;
        const place& p = place_of(to);
        if (p.offset == 0 && !known_unsafe(p.symbol).empty())
            add(p.symbol, own_, i - 1, {});
    }

    void foreign_function(std::uint32_t i, const loaded_object* entered)
    {
        call_site_ = call_site(i);
        const std::string name = name_entered(i);
        if (entered != nullptr && entered->loader && name != "__tls_get_addr") {
            const std::string bound = bound_by_loader(i);
            add(bound.empty() ? "dynamic loader" : bound, entered, call_site_,
                "bound lazily: the dynamic loader runs inside the handler; link with -Wl,-z,now");
            return;
        }
        add(name, entered, call_site_, {});
    }

    // The instruction of the handler that led here: behind it the PLT.
    std::uint32_t call_site(std::uint32_t i)
    {
        std::uint32_t at = i - 1;
        while (at > 0 && place_of(steps_.ip[at]).symbol.empty() && i - at < 4)
            --at;
        return place_of(steps_.ip[at]).symbol.empty() ? i - 1 : at;
    }

    std::string name_entered(std::uint32_t i)
    {
        if (const std::uintptr_t slot = arch::jump_slot(steps_.ip, steps_.code, i - 1); slot != 0)
            if (const std::string& name = names_.objects().function_of_slot(slot); !name.empty())
                return name;
        const place& p = place_of(steps_.ip[i]);
        return p.symbol.empty() || p.offset != 0 ? name_of(p) : p.symbol;
    }

    std::string bound_by_loader(std::uint32_t i)
    {
        const loaded_object* loader = object_at(steps_.ip[i]);
        while (i < steps_.count && object_at(steps_.ip[i]) == loader)
            ++i;
        return i < steps_.count && object_at(steps_.ip[i]) != own_ ? name_entered(i) : std::string();
    }

    void add(const std::string& name, const loaded_object* object, std::uint32_t from, std::string_view why)
    {
        for (audit_entry& e : report_.entries)
            if (e.function == demangled(name.c_str()) && e.why.starts_with(why) &&
                e.why.empty() == judge(name, why).empty()) {
                ++e.calls;
                return;
            }
        audit_entry e;
        e.function = demangled(name.c_str());
        e.object = object != nullptr ? object->name : "?";
        e.called_from = place_of_step(from);
        e.why = judge(name, why);
        e.safe = e.why.empty();
        e.calls = 1;
        report_.entries.push_back(std::move(e));
    }

    std::string judge(const std::string& name, std::string_view why) const
    {
        if (!why.empty())
            return std::string(why);
        if (std::find(allowed_.begin(), allowed_.end(), name) != allowed_.end() || is_signal_safe(name))
            return {};
        const std::string_view known = known_unsafe(name);
        return std::string(known.empty() ? "not on the list of async-signal-safe functions" : known);
    }

    const trace& steps_;
    places names_;
    const loaded_object* own_;
    const std::vector<std::string>& allowed_;
    audit_report& report_;
    std::unordered_set<std::uintptr_t> looked_at_;
    std::uint32_t call_site_ = 0; ///< index of a step
};

} // namespace

audit_report audit(const char* name, function handler, function setup,
                   const std::vector<std::string>& allowed, const limits& within)
{
    const std::uint64_t start = now_ns();
    audit_report r;
    r.name = name;
    r.absent = mechanism_absent();
    if (!r.absent.empty())
        return r;
    shared_array<shared_audit> shared(1);
    shared_array<std::uintptr_t> ips(most_steps);
    shared_array<code_bytes> code(most_steps);
    trace& steps = shared->steps;
    steps.ip = ips.data();
    steps.code = code.data();
    steps.capacity = most_steps;
    audit_job job{handler, setup, shared.data()};
    const child_result end = watch_child(start_child(step_handler, &job), shared->alive, within.watchdog_ns);
    auditor(steps, shared->maps.view(), reinterpret_cast<std::uintptr_t>(handler), allowed, r).run();
    r.steps = steps.count;
    const bool objects_known = shared->maps.size != 0; // without them no function is another object's
    r.complete = steps.ended && steps.count != 0 && objects_known;
    if (end.end == child_end::crashed)
        r.incomplete = "the handler was killed by " + describe_signal(end.code);
    else if (end.end == child_end::stuck)
        r.incomplete = end.state;
    else if (!r.complete)
        r.incomplete = !objects_known
                           ? "which objects are loaded is not known: the audit needs /proc/self/maps"
                       : steps.overflow ? "more than " + std::to_string(most_steps) + " instructions"
                                        : "stepping ended before the handler did";
    r.elapsed_ns = now_ns() - start;
    return r;
}

} // namespace nmisim::explore
