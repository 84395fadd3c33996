// SPDX-License-Identifier: MIT
#include "explore/place/judged_calls.hpp"

#include "explore/place/calls.hpp"
#include "explore/place/objects.hpp"
#include "explore/place/places.hpp"
#include "explore/place/signal_safe.hpp"

#include <algorithm>

namespace nmisim::explore {

namespace {

constexpr const char* bound_lazily =
    "bound lazily: the dynamic loader runs inside the handler; link with -Wl,-z,now";

class auditor {
public:
    auditor(const recording& steps, std::string_view maps, const judged_by& rules)
        : steps_(steps), places_(maps), functions_(places_.objects()),
          calls_(steps, places_.objects(), functions_), rules_(rules)
    {
        if (rules_.of_this_program)
            for (const std::string& name : signal_safe_names())
                functions_.also_called(name.c_str());
    }

    judgement run()
    {
        for (std::uint32_t i = 1; i < steps_.count; ++i)
            if (calls_.step(i))
                entered(i);
        for (const called_function& f : calls_.all())
            if (f.binds)
                add_bound("dynamic loader", f);
        if (own() != nullptr) {
            found_.names = functions_.names_all(*own());
            found_.libraries = places_.objects().shared();
        }
        return std::move(found_);
    }

private:
    struct judged {
        std::string name;
        std::string why; ///< empty: safe
        bool known = false;
    };

    void entered(std::uint32_t i)
    {
        called_function& f = calls_.now();
        const called_function& by = calls_.caller();
        const std::vector<std::string> names = names_of(i);
        found_.calls += f.called ? 1 : 0;
        if (f.object != nullptr && f.object->loader && !f.called &&
            (names.empty() || names.front().starts_with("_dl_runtime_")))
            return loader_entered();
        if (names.empty() && f.object == by.object)
            return; // a function of its own without a name, or a stub that leads to one
        const bool by_the_handler = by.object == own() && f.object != own();
        const judged j = judge(names, by_the_handler ? how_deep::called_by_the_handler : how_deep::anywhere);
        f.name = j.name.empty() ? name_of(places_.of(f.entry)) : demangled(j.name.c_str());
        if (f.blamed)
            return;
        if (f.binds)
            add_bound(f.name, f);
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
        const auto called = static_cast<std::ptrdiff_t>(names.size());
        for (const std::string_view name : functions_.at(steps_.ip[i]))
            names.emplace_back(name);
        // "free" rather than "__libc_free", unless it was called so.
        std::stable_partition(names.begin() + called, names.end(),
                              [](const std::string& name) { return !name.starts_with('_'); });
        return names;
    }

    judged judge(const std::vector<std::string>& names, how_deep where) const
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
            return std::find(rules_.allowed.begin(), rules_.allowed.end(), form) != rules_.allowed.end();
        });
    }

    void add_bound(const std::string& name, const called_function& f)
    {
        ++found_.bound;
        if (rules_.binding_counts)
            add(name, f, bound_lazily);
    }

    void add(const std::string& name, const called_function& f, std::string_view why)
    {
        std::vector<std::string> chain = chain_to(name);
        for (audit_entry& e : found_.entries)
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
        found_.entries.push_back(std::move(e));
    }

    static bool same_caller(const std::vector<std::string>& a, const std::vector<std::string>& b)
    {
        return (a.size() < 2 || b.size() < 2) ? a.size() == b.size() : a[a.size() - 2] == b[b.size() - 2];
    }

    // From the handler to `name`, which is the function that runs now.
    std::vector<std::string> chain_to(const std::string& name)
    {
        std::vector<std::string> chain;
        for (const called_function& f : calls_.all()) {
            if (&f == &calls_.all().back())
                continue;
            if (!f.name.empty())
                chain.push_back(&f == &calls_.all().front() ? demangled(f.name.c_str()) : f.name);
            else if (!rules_.of_this_program) // a stripped one: better its place than nothing
                chain.push_back(name_of(places_.of(f.entry)));
        }
        chain.push_back(name);
        return chain;
    }

    const recording& steps_;
    places places_;
    function_names functions_;
    call_stack calls_;
    const judged_by& rules_;
    judgement found_;
};

} // namespace

judgement judged_calls(const recording& steps, std::string_view maps, const judged_by& rules)
{
    return auditor(steps, maps, rules).run();
}

} // namespace nmisim::explore
