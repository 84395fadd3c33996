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

class bytes_out {
public:
    template <class... T>
    void operator()(T&... x)
    {
        (one(x), ...);
    }
    std::string take() { return std::move(bytes_); }

private:
    template <class T>
    void one(T& x)
    {
        if constexpr (is_number<T>)
            bytes_.append(reinterpret_cast<const char*>(&x), sizeof x);
        else
            members(*this, x);
    }
    void one(std::string& x)
    {
        std::size_t size = x.size();
        one(size);
        bytes_ += x;
    }
    template <class T>
    void one(std::vector<T>& x)
    {
        std::size_t size = x.size();
        one(size);
        for (T& element : x)
            one(element);
    }

    std::string bytes_;
};

class bytes_in {
public:
    explicit bytes_in(std::string_view bytes) : rest_(bytes) {}
    template <class... T>
    void operator()(T&... x)
    {
        (one(x), ...);
    }
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
    template <class T>
    void one(T& x)
    {
        if constexpr (is_number<T>)
            std::memcpy(&x, next(sizeof x).data(), sizeof x);
        else
            members(*this, x);
    }
    void one(std::string& x)
    {
        std::size_t size = 0;
        one(size);
        x = next(size);
    }
    template <class T>
    void one(std::vector<T>& x)
    {
        std::size_t size = 0;
        one(size);
        x.clear();
        for (std::size_t i = 0; i < size; ++i)
            one(x.emplace_back());
    }

    std::string_view rest_;
};

template <class Report>
any_report read(bytes_in& in)
{
    Report r;
    members(in, r);
    if (!in.at_end())
        throw std::runtime_error("behind a report is more");
    return r;
}

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
    switch (kind) {
    case 0: return read<sweep_report>(in);
    case 1: return read<map_report>(in);
    case 2: return read<audit_report>(in);
    default: throw std::runtime_error("bytes that are no report");
    }
}

} // namespace nmisim::explore
