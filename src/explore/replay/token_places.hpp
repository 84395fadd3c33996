// SPDX-License-Identifier: MIT
//
// Between the addresses of a run and the places of a token.
// Context: control, in the parent process.
#pragma once

#include "explore/place/objects.hpp"
#include "explore/replay/token.hpp"
#include "explore/step/recording.hpp"

namespace nmisim::explore {

/// Makes tokens of one report.
class token_writer {
public:
    token_writer(std::string name, std::string kind, const loaded_objects& objects,
                 std::initializer_list<const recording*> recordings);

    /// Empty if a place is in no object: it may be somewhere else next time.
    struct stop {
        char who;
        token_stop what;
        std::uintptr_t ip = 0; ///< of at_place, as all below
        std::uint32_t number = 0;
        std::uint32_t rounds = 0;
        std::uint32_t drained = 0;
    };
    std::string text(const std::vector<stop>& stops, std::string found) const;

private:
    token empty_;
    const loaded_objects& objects_;
};

/// How often the recorded run has been at the place of boundary `n` before.
std::uint32_t rounds_before(const recording& t, std::uint32_t n) noexcept;

/// Why the token cannot be of this program and these objects. Empty: it can.
std::string why_refused(const token& t, std::string_view name, const loaded_objects& objects);

/// Its address now.
std::uintptr_t address_of(const token& t, const token_place& p, const loaded_objects& objects);

inline constexpr std::uint32_t not_in_recording = ~std::uint32_t{0};
/// The boundary at that address, after as many rounds as the token says.
std::uint32_t boundary_at(const recording& t, std::uintptr_t ip, std::uint32_t rounds) noexcept;

/// What may change the path of the same build.
std::string why_another_path(const token& t, const loaded_objects& objects,
                             std::initializer_list<const recording*> recordings);

} // namespace nmisim::explore
