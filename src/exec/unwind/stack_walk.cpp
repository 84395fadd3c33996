// SPDX-License-Identifier: MIT
#include "exec/unwind/stack_walk.hpp"

#include <algorithm>
#include <cstring>

namespace nmisim::exec {

namespace {

/// What lies further up is no frame of this stack.
constexpr std::uintptr_t most_of_a_stack = std::uintptr_t{1} << 20;

/// Registers of a frame. What is not known has no value.
struct walked_frame {
    std::uintptr_t ip = 0;
    std::optional<std::uintptr_t> sp;
    std::optional<std::uintptr_t> fp;
    /// The frame pointer is that of the chain's frame of this number; none: it is another one's.
    std::optional<std::size_t> in_chain;
};

class stack_walker {
public:
    explicit stack_walker(const interrupted_stack& s) : s_(s), now_{s.chain.front(), s.sp, s.fp, 0} {}

    std::uintptr_t ip() const noexcept { return now_.ip; }
    std::size_t read() const noexcept { return read_; }
    /// The frame pointers that the sampler has followed lead no further.
    bool is_at_end_of_chain() const noexcept
    {
        return now_.in_chain && *now_.in_chain + 1 == s_.chain.size();
    }
    /// To the caller. False: it is not known.
    bool leave(const frame_rule& rule)
    {
        return !rule.known || rule.by_frame_pointer ? leave_by_frame_pointer() : leave_by_rule(rule);
    }

private:
    std::optional<std::uintptr_t> word(std::uintptr_t address)
    {
        if (address >= s_.copy.at && address - s_.copy.at < most_of_a_stack)
            read_ = std::max(read_, address - s_.copy.at + sizeof address);
        return s_.copy.word(address);
    }

    bool leave_by_frame_pointer()
    {
        constexpr std::uintptr_t bytes = sizeof(std::uintptr_t);
        const auto back = now_.fp ? word(*now_.fp + bytes) : std::nullopt;
        const std::optional<std::size_t> next = now_.in_chain && *now_.in_chain + 1 < s_.chain.size()
                                                    ? std::optional{*now_.in_chain + 1}
                                                    : std::nullopt;
        if (!back && !next)
            return false;
        walked_frame caller;
        caller.ip = back ? *back : s_.chain[*next];
        if (back) {
            caller.fp = word(*now_.fp);
            caller.sp = *now_.fp + 2 * bytes;
        }
        if (next && s_.chain[*next] == caller.ip)
            caller.in_chain = next;
        now_ = caller;
        return true;
    }

    bool leave_by_rule(const frame_rule& rule)
    {
        const auto frame = value_of(rule.frame, std::nullopt);
        // A signal's frame may lie on a stack of its own.
        if (!frame || (now_.sp && *frame <= *now_.sp && !rule.is_signal))
            return false;
        const auto back = value_of(rule.ip, *frame);
        if (!back)
            return false;
        walked_frame caller{*back, *frame, {}, {}};
        if (rule.fp.is == kept_register::how::same) {
            caller.fp = now_.fp;
            caller.in_chain = now_.in_chain;
        } else {
            caller.fp = value_of(rule.fp, *frame);
        }
        now_ = caller;
        return true;
    }

    std::optional<std::uintptr_t> value_of(const kept_register& r, std::uintptr_t frame)
    {
        if (r.is != kept_register::how::in_memory && r.is != kept_register::how::computed)
            return std::nullopt;
        const auto value = value_of(r.ops, frame);
        return value && r.is == kept_register::how::in_memory ? word(*value) : value;
    }

    std::optional<std::uintptr_t> value_of(const std::vector<frame_op>& ops,
                                           std::optional<std::uintptr_t> frame)
    {
        std::vector<std::uintptr_t> stack;
        const auto pop = [&] {
            const std::uintptr_t top = stack.back();
            stack.pop_back();
            return top;
        };
        for (const frame_op& o : ops) {
            const auto number = static_cast<std::uintptr_t>(o.number);
            std::optional<std::uintptr_t> start;
            switch (o.what) {
            case frame_op::code::sp_plus: start = now_.sp; break;
            case frame_op::code::fp_plus: start = now_.fp; break;
            case frame_op::code::ip_plus: start = now_.ip; break;
            case frame_op::code::frame: start = frame; break;
            case frame_op::code::number: start = 0; break;
            case frame_op::code::plus_number:
                if (stack.empty())
                    return std::nullopt;
                start = pop();
                break;
            case frame_op::code::loaded:
                if (stack.empty())
                    return std::nullopt;
                start = word(pop());
                break;
            default: {
                if (stack.size() < 2)
                    return std::nullopt;
                const std::uintptr_t b = pop();
                const std::uintptr_t a = pop();
                start = o.what == frame_op::code::plus   ? a + b
                        : o.what == frame_op::code::both ? a & b
                        : o.what == frame_op::code::is_at_least
                            ? static_cast<std::uintptr_t>(static_cast<std::intptr_t>(a) >=
                                                          static_cast<std::intptr_t>(b))
                            : a << (b % (8 * sizeof a));
            }
            }
            if (!start)
                return std::nullopt;
            stack.push_back(*start + number);
        }
        return stack.size() == 1 ? std::optional{stack.back()} : std::nullopt;
    }

    const interrupted_stack& s_;
    walked_frame now_;
    std::size_t read_ = 0;
};

} // namespace

std::optional<std::uintptr_t> copied_stack::word(std::uintptr_t address) const noexcept
{
    std::uintptr_t value = 0;
    if (address < at || bytes.size() < sizeof value || address - at > bytes.size() - sizeof value)
        return std::nullopt;
    std::memcpy(&value, bytes.data() + (address - at), sizeof value);
    return value;
}

walked_stack walk_stack(const interrupted_stack& s, std::size_t most, const rule_at& rule)
{
    const auto by_frame_pointer = [](const frame_rule* r) {
        return r == nullptr || !r->known || r->by_frame_pointer;
    };
    walked_stack walked;
    stack_walker w(s);
    const frame_rule* r = rule(w.ip());
    walked.places.push_back({w.ip(), by_frame_pointer(r)});
    while (r != nullptr && !r->is_outermost && walked.places.size() < most) {
        const bool is_signal = r->is_signal;
        if (!w.leave(*r) || w.ip() == 0)
            break;
        const std::uintptr_t place = w.ip() - (is_signal ? 0 : 1);
        r = rule(place);
        if (r != nullptr)
            walked.places.push_back({place, by_frame_pointer(r)});
    }
    walked.is_whole = r != nullptr && (r->is_outermost || (!r->known && w.is_at_end_of_chain()));
    walked.read = w.read();
    return walked;
}

} // namespace nmisim::exec
