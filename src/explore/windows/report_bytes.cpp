// SPDX-License-Identifier: MIT
#include "explore/windows/report_bytes.hpp"

#include <cstring>
#include <stdexcept>
#include <type_traits>

namespace nmisim::explore {

namespace {

template <class T>
inline constexpr bool is_number = std::is_arithmetic_v<T> || std::is_enum_v<T>;

// All members of a type, in their order. A list that misses one does not compile.
#define NMISIM_MEMBERS_OF(type, ...)                                                                         \
    template <class Bytes>                                                                                   \
    void members(Bytes& b, type& x)                                                                          \
    {                                                                                                        \
        auto& [__VA_ARGS__] = x;                                                                             \
        b(__VA_ARGS__);                                                                                      \
    }
NMISIM_MEMBERS_OF(place, ip, symbol, offset, object, object_offset, source, instruction)
NMISIM_MEMBERS_OF(sweep_cell, boundary, verdict, what, delivered_at, token)
NMISIM_MEMBERS_OF(call_cell, boundary, arrival, call, called_from, result, verdict, what, token)
NMISIM_MEMBERS_OF(pair_cell, boundary, together, inside, ip, round, verdict, what, delivered_at, token)
NMISIM_MEMBERS_OF(sweep_report, name, absent, boundaries, cells, calls, pairs, handler, complete, incomplete,
                  record_ns, elapsed_ns)
NMISIM_MEMBERS_OF(map_context, reader, reader2, by_itself, at_end, before, waiting_stores, stored_by,
                  stored_at, stored_size, stored_value, overtaken_by, loaded_from)
NMISIM_MEMBERS_OF(map_finding, reader, updater, reader_first, kind, what, schedule, contexts, token, smallest,
                  nmi, nmi_before, reader2_first)
NMISIM_MEMBERS_OF(map_report, name, absent, reader, updater, full, reader_first, updater_first, findings,
                  schedules, runs, complete, incomplete, first_waiting, last_waiting, contiguous, memory,
                  preemptions, nmi, readers, reduced, unsupported, reader_points, updater_points,
                  shared_bytes, waits_in, elapsed_ns)
NMISIM_MEMBERS_OF(audit_entry, function, object, called_from, safe, why, calls, chain, deep)
NMISIM_MEMBERS_OF(audit_report, name, absent, entries, ends, steps, complete, incomplete, elapsed_ns)
#undef NMISIM_MEMBERS_OF

/// Goes over all members, out or in: `Way` takes each number and each text.
template <class Way>
class bytes_of : public Way {
public:
    using Way::Way;
    template <class... T>
    void operator()(T&... x)
    {
        (one(x), ...);
    }

private:
    template <class T>
    void one(T& x)
    {
        if constexpr (is_number<T>)
            this->number(&x, sizeof x);
        else
            members(*this, x);
    }
    void one(std::string& x)
    {
        std::size_t size = x.size();
        one(size);
        this->text(x, size);
    }
    template <class T>
    void one(std::vector<T>& x)
    {
        std::size_t size = x.size();
        one(size);
        for (std::size_t i = 0; i < size; ++i)
            one(i < x.size() ? x[i] : x.emplace_back()); // a new one on the way in
    }
};

class way_out {
public:
    void number(const void* from, std::size_t size) { bytes_.append(static_cast<const char*>(from), size); }
    void text(const std::string& from, std::size_t) { bytes_ += from; }
    std::string take() { return std::move(bytes_); }

private:
    std::string bytes_;
};
using bytes_out = bytes_of<way_out>;

class way_in {
public:
    explicit way_in(std::string_view bytes) : rest_(bytes) {}
    void number(void* to, std::size_t size) { std::memcpy(to, next(size).data(), size); }
    void text(std::string& to, std::size_t size) { to = next(size); }
    bool at_end() const noexcept { return rest_.empty(); }

private:
    std::string_view next(std::size_t size)
    {
        if (size > rest_.size())
            throw std::runtime_error("a report is cut off");
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }

    std::string_view rest_;
};
using bytes_in = bytes_of<way_in>;

} // namespace

std::string to_bytes(const any_report& r)
{
    bytes_out out;
    std::size_t kind = r.index();
    out(kind);
    std::visit([&](auto one) { members(out, one); }, r);
    return out.take();
}

any_report report_of_bytes(std::string_view bytes)
{
    bytes_in in(bytes);
    std::size_t kind = 0;
    in(kind);
    any_report r;
    switch (kind) {
    case 0: break;
    case 1: r = map_report{}; break;
    case 2: r = audit_report{}; break;
    default: throw std::runtime_error("bytes that are no report");
    }
    std::visit([&](auto& one) { members(in, one); }, r);
    if (!in.at_end())
        throw std::runtime_error("behind a report is more");
    return r;
}

} // namespace nmisim::explore
