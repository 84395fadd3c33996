// SPDX-License-Identifier: MIT
//
// A finding as one word: what was run, where each thread stopped, and of which builds that is true.
//
//     nmi1:NAME:KIND:CONTEXTS:OBJECTS:FINGERPRINT:FOUND
//     nmi1:nmi%20do_nmi-map:rt:A8@0+1c2f4.0d0,Bw:nmi-sim=5b0c2f6e8a7d9310:41d02c6a9f3e7b58:violation
//
//   KIND      s sweep, m map, r reduced map; then f: each run in a fresh process, c: also inside system calls, t: x86-TSO,
//             2: two readers
//   CONTEXTS  who, until where, how many of its stores have drained. N: the NMI, of a map the second one, named last; P, S:
//             the NMI inside a system call, pending or asleep; M: behind N, a sweep's second signal, in N's handler;
//             A: the reader, B: the updater, C: the second reader; w: until it ends or waits, of M: with N; e: at its end
//   a place   number@object+offset.rounds: addresses move, so the object's index in OBJECTS, the offset in it, and how
//             often the thread has been there before; the number of the boundary is for people
//   OBJECTS   name=build id, of those with a place; without a build id only the name
//
// Only characters that a shell leaves alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nmisim::explore {

struct token_place {
    std::uint32_t number = 0;
    std::size_t object = 0;
    std::uint64_t offset = 0;
    std::uint32_t rounds = 0;
};

enum class token_stop : char { at_place = 0, at_end = 'e', by_itself = 'w' };

struct token_context {
    char who = 'N';
    token_stop stop = token_stop::at_place;
    token_place place{}; ///< of at_place
    std::uint32_t drained = 0;
};

struct token_object {
    std::string name;
    std::string build_id; ///< empty: it has none
};

struct token {
    std::string name; ///< of the target or race
    std::string kind;
    std::vector<token_context> contexts;
    std::vector<token_object> objects;
    std::uint64_t fingerprint = 0; ///< of what the recordings were
    std::string found;

    bool is(char of_kind) const noexcept { return kind.find(of_kind) != std::string::npos; }
    bool has_second_nmi() const noexcept
    {
        return is('r') && !contexts.empty() && contexts.back().who == 'N';
    }
};

std::string to_text(const token& t);
/// Empty: it is none.
std::optional<token> token_of(std::string_view text);

} // namespace nmisim::explore
