// SPDX-License-Identifier: MIT
#include "explore/replay/token_places.hpp"

#include <algorithm>

namespace nmisim::explore {

namespace {

std::string file_of(const loaded_object& o)
{
    return o.path.empty() ? o.name : file_name_of(o.path);
}

std::uint64_t fingerprint_of(std::initializer_list<const recording*> recordings,
                             const loaded_objects& objects)
{
    std::uint64_t h = 1;
    for (const recording* t : recordings) {
        h = (h ^ t->count) * 0x9e3779b97f4a7c15U;
        for (std::uint32_t i = 0; i < t->count; ++i) {
            const loaded_object* o = objects.at(t->ip[i]);
            h = (h ^ (t->ip[i] - (o != nullptr ? o->base : 0))) * 0x9e3779b97f4a7c15U;
        }
    }
    return h;
}

// By build id first: a copy of the program has another name.
const loaded_object* find_object(const token_object& wanted, const loaded_objects& objects)
{
    for (const loaded_object& o : objects.all())
        if (o.code && !wanted.build_id.empty() && build_id_of(o.path) == wanted.build_id)
            return &o;
    for (const loaded_object& o : objects.all())
        if (o.code && file_of(o) == wanted.name)
            return &o;
    return nullptr;
}

} // namespace

token_writer::token_writer(std::string name, std::string kind, const loaded_objects& objects,
                           std::initializer_list<const recording*> recordings)
    : objects_(objects)
{
    empty_.name = std::move(name);
    empty_.kind = std::move(kind);
    empty_.fingerprint = fingerprint_of(recordings, objects);
}

std::string token_writer::text(const std::vector<stop>& stops, std::string found) const
{
    token t = empty_;
    t.found = std::move(found);
    for (const stop& s : stops) {
        token_context c{s.who, s.what, {}, s.drained};
        if (s.what == token_stop::at_place) {
            const loaded_object* o = objects_.at(s.ip);
            if (o == nullptr)
                return {};
            const std::string file = file_of(*o);
            auto known = std::find_if(t.objects.begin(), t.objects.end(),
                                      [&](const token_object& one) { return one.name == file; });
            if (known == t.objects.end())
                known = t.objects.insert(known, {file, build_id_of(o->path)});
            c.place = {s.number, static_cast<std::size_t>(known - t.objects.begin()), s.ip - o->base,
                       s.rounds};
        }
        t.contexts.push_back(c);
    }
    return to_text(t);
}

std::uint32_t rounds_before(const recording& t, std::uint32_t n) noexcept
{
    return static_cast<std::uint32_t>(std::count(t.ip, t.ip + n, t.ip[n]));
}

std::string why_refused(const token& t, std::string_view name, const loaded_objects& objects)
{
    if (t.name != name)
        return "the token is of '" + t.name + "', and this is '" + std::string(name) + "'";
    for (const token_object& wanted : t.objects) {
        const loaded_object* o = find_object(wanted, objects);
        if (o == nullptr)
            return "the token is of a run with " + wanted.name + ", which is not loaded here";
        if (const std::string id = build_id_of(o->path); id != wanted.build_id)
            return wanted.name + " is another build: " + (id.empty() ? "without build id" : id) +
                   ", and the token is of " + (wanted.build_id.empty() ? "none" : wanted.build_id);
    }
    return {};
}

std::uintptr_t address_of(const token& t, const token_place& p, const loaded_objects& objects)
{
    const loaded_object* o = find_object(t.objects[p.object], objects);
    return o == nullptr ? 0 : o->base + p.offset;
}

std::uint32_t boundary_at(const recording& t, std::uintptr_t ip, std::uint32_t rounds) noexcept
{
    for (std::uint32_t i = 0; i < t.count; ++i)
        if (t.ip[i] == ip && rounds-- == 0)
            return i;
    return not_in_recording;
}

std::string why_another_path(const token& t, const loaded_objects& objects,
                             std::initializer_list<const recording*> recordings)
{
    return fingerprint_of(recordings, objects) == t.fingerprint
               ? "the path is the one of the token, and the outcome is not"
               : "the window takes another path than the token's: another variant of a libc function for "
                 "this "
                 "processor, GLIBC_TUNABLES, the locale, the environment, or a clock may decide";
}

} // namespace nmisim::explore
