// SPDX-License-Identifier: MIT
//
// The purity audit. A handler is stepped once in a child process, for the first time, so that what happens only then
// (lazy binding, thread-local storage, static objects) is seen as well. Every call is looked at, in every object. The
// handler's own object may call only listed functions of other objects. A function known to allocate, lock or throw is
// reported at any depth; what it calls in turn is not reported again.
#include "base/clock.hpp"
#include "explore/place/calls.hpp"
#include "explore/place/objects.hpp"
#include "explore/place/places.hpp"
#include "explore/place/signal_safe.hpp"
#include "explore/step/stepper.hpp"
#include "explore/watch/child.hpp"
#include "explore/watch/shared.hpp"

#include <algorithm>

#include <sys/syscall.h>

namespace nmisim::explore {

namespace {

constexpr std::uint32_t most_steps = 400'000; // a throw takes some 26 000
constexpr const char* bound_lazily =
    "bound lazily: the dynamic loader runs inside the handler; link with -Wl,-z,now";

struct shared_audit {
    progress alive;
    recording steps;
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
    auditor(const shared_audit& seen, const std::vector<std::string>& allowed, audit_report& report)
        : steps_(seen.steps), places_(seen.maps.view()), functions_(places_.objects()),
          calls_(seen.steps, places_.objects(), functions_), allowed_(allowed), report_(report)
    {
        for (const std::string& name : signal_safe_names())
            functions_.also_called(name.c_str());
    }

    void run()
    {
        for (std::uint32_t i = 1; i < steps_.count; ++i)
            if (calls_.step(i))
                entered(i);
        for (const called_function& f : calls_.all())
            if (f.binds)
                add("dynamic loader", f, bound_lazily);
    }

private:
    struct judgement {
        std::string name;
        std::string why; ///< empty: safe
        bool known = false;
    };

    void entered(std::uint32_t i)
    {
        called_function& f = calls_.now();
        const called_function& by = calls_.caller();
        const std::vector<std::string> names = names_of(i);
        if (f.object != nullptr && f.object->loader && !f.called &&
            (names.empty() || names.front().starts_with("_dl_runtime_")))
            return loader_entered();
        if (names.empty() && f.object == by.object)
            return; // a function of its own without a name, or a stub that leads to one
        const bool by_the_handler = by.object == own() && f.object != own();
        const judgement j =
            judge(names, by_the_handler ? how_deep::called_by_the_handler : how_deep::anywhere);
        f.name = j.name.empty() ? name_of(places_.of(f.entry)) : demangled(j.name.c_str());
        if (f.blamed)
            return;
        if (f.binds)
            add(f.name, f, bound_lazily);
        f.binds = false;
        if (by_the_handler || j.known)
            add(f.name, f, j.why);
        f.blamed = j.known;
    }

    // It was not called by name: it binds the function that was called, named when it is entered.
    void loader_entered()
    {
        called_function& stub = calls_.caller();
        stub.binds = !stub.blamed;
        calls_.now().blamed = true;
    }

    const loaded_object* own() const noexcept { return calls_.all().front().object; }

    std::vector<std::string> names_of(std::uint32_t i)
    {
        std::vector<std::string> names;
        if (const std::string_view name = places_.objects().function_of_slot(calls_.now().slot);
            !name.empty())
            names.emplace_back(name);
        for (const std::string_view name : functions_.at(steps_.ip[i]))
            names.emplace_back(name);
        return names;
    }

    judgement judge(const std::vector<std::string>& names, how_deep where) const
    {
        for (const std::string& name : names)
            if (is_allowed(name))
                return {name, {}, false};
        for (const std::string& name : names)
            if (const std::string_view why = known_unsafe(name, where); !why.empty())
                return {name, std::string(why), true};
        for (const std::string& name : names)
            if (is_signal_safe(name))
                return {name, {}, false};
        return {names.empty() ? std::string() : names.front(),
                "not on the list of async-signal-safe functions", false};
    }

    bool is_allowed(const std::string& name) const
    {
        std::vector<std::string> forms = forms_of(name);
        forms.push_back(demangled(name.c_str()));
        return std::any_of(forms.begin(), forms.end(), [&](const std::string& form) {
            return std::find(allowed_.begin(), allowed_.end(), form) != allowed_.end();
        });
    }

    void add(const std::string& name, const called_function& f, std::string_view why)
    {
        std::vector<std::string> chain = chain_to(name);
        for (audit_entry& e : report_.entries)
            if (e.function == name && e.why == why && (e.safe || same_caller(e.chain, chain))) {
                ++e.calls;
                return;
            }
        audit_entry e;
        e.function = name;
        e.object = f.object != nullptr ? f.object->name : "?";
        e.called_from = places_.of(steps_.ip[f.called_from], steps_.code[f.called_from]);
        e.why = why;
        e.safe = why.empty();
        e.calls = 1;
        e.chain = std::move(chain);
        e.deep = calls_.all().size() > 1 && calls_.caller().object != own();
        report_.entries.push_back(std::move(e));
    }

    static bool same_caller(const std::vector<std::string>& a, const std::vector<std::string>& b)
    {
        return (a.size() < 2 || b.size() < 2) ? a.size() == b.size() : a[a.size() - 2] == b[b.size() - 2];
    }

    // From the handler to `name`, which is the function that runs now.
    std::vector<std::string> chain_to(const std::string& name) const
    {
        std::vector<std::string> chain;
        for (const called_function& f : calls_.all())
            if (!f.name.empty() && &f != &calls_.all().back())
                chain.push_back(&f == &calls_.all().front() ? demangled(f.name.c_str()) : f.name);
        chain.push_back(name);
        return chain;
    }

    const recording& steps_;
    places places_;
    function_names functions_;
    call_stack calls_;
    const std::vector<std::string>& allowed_;
    audit_report& report_;
};

// The signal that this call raises, 0: it is none that does.
long raised_by(const last_call& c) noexcept
{
    switch (c.nr) {
    case SYS_kill:
    case SYS_tkill:
    case SYS_rt_sigqueueinfo: return c.arg[1];
    case SYS_tgkill:
    case SYS_rt_tgsigqueueinfo: return c.arg[2];
    default: return 0;
    }
}

// How the handler itself has ended the process, in words. Empty: it has not.
std::string end_by_handler(const child_result& end, const recording& steps)
{
    const last_call& c = steps.last;
    const std::uint32_t since = steps.count - c.before;
    if (end.end == child_end::crashed && raised_by(c) == end.code && since <= 1)
        return "ends the process by " + describe_signal(end.code);
    const bool exited = end.end == child_end::finished || end.end == child_end::failed;
    if (!exited || since != 0)
        return {};
    if (c.nr == SYS_exit_group || c.nr == SYS_exit)
        return "ends the process, exit code " + std::to_string(end.code);
    if (c.nr == SYS_execve || c.nr == SYS_execveat)
        return "becomes another program";
    return {};
}

std::string why_incomplete(const child_result& end, const shared_audit& seen)
{
    if (seen.steps.count == 0)
        return "the handler was not reached: " + in_words(end);
    if (end.end == child_end::crashed)
        return "the handler was killed by " + describe_signal(end.code);
    if (end.end == child_end::stuck)
        return end.state;
    if (seen.maps.size == 0)
        return "which objects are loaded is not known: the audit needs /proc/self/maps";
    if (seen.steps.overflow)
        return "more than " + std::to_string(most_steps) + " instructions";
    return "stepping ended before the handler did";
}

} // namespace

audit_report audit(const char* name, explored handler, explored setup,
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
    shared_array<std::uintptr_t> stack_pointers(most_steps);
    shared_array<code_bytes> code(most_steps);
    recording& steps = shared->steps;
    steps.ip = ips.data();
    steps.sp = stack_pointers.data();
    steps.code = code.data();
    steps.alive = &shared->alive.runs;
    steps.capacity = most_steps;
    audit_job job{handler, setup, shared.data()};
    const child_result end = watch_child(start_child(step_handler, &job), shared->alive, within.watchdog_ns);
    auditor(*shared.data(), allowed, r).run();
    r.steps = steps.count;
    r.ends = end_by_handler(end, steps);
    // Without the mappings no function is another object's.
    r.complete = steps.count != 0 && shared->maps.size != 0 && (steps.ended || !r.ends.empty());
    if (!r.complete)
        r.incomplete = why_incomplete(end, *shared.data());
    r.elapsed_ns = now_ns() - start;
    return r;
}

} // namespace nmisim::explore
