// SPDX-License-Identifier: MIT
//
// An NMI in chosen system calls: the signal is queued while the thread is stopped at the call's entry, so that the call meets
// it wherever it would wait. A call's address is its process and its number there: `0.1:121` is the 121st call of process 0.1,
// and the same in each run of a program that does the same, which pids and times are not.
//
// Only calls that a signal can do something to have a number. A call that the kernel restarts enters again with the same
// instruction and stack: it keeps its number, and no second signal is sent to it, or it would never end. restart_syscall and
// the return from our handler have none.
#pragma once

#include "exec/call_table.hpp"
#include "exec/exec_config.hpp"
#include "exec/trace/strategy.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nmisim::exec {

struct call_address {
    std::string path;
    std::uint64_t number = 0;

    auto operator<=>(const call_address&) const = default;
};
std::string text_of(const call_address& a);
/// "0.1:121". Nothing where it is none.
std::optional<call_address> call_address_of(std::string_view text);

/// Whether a signal can do something to that call: it may wait, or move less than it was asked to.
bool is_interruptible(long nr) noexcept;

/// "read" -> its number.
std::optional<long> call_named(std::string_view name);

class each_call final : public strategy {
public:
    struct call {
        call_address at;
        long nr;
        std::string exe;
    };
    struct hit {
        long nr = -1;
        std::string exe;
        std::string call_text;
        std::string site;
    };

    struct options {
        int signal = 0;
        bool restart = true;
        bool every_call = false; ///< number those as well that a signal cannot interrupt
        exec::placing placing = placing::entry;
        bool ignore_masks = false;
        bool sites = false; ///< look up the places in the program
    };
    /// `shoot`: where.
    each_call(const options& how, std::set<call_address> shoot) : how_(how), shoot_(std::move(shoot)) {}

    bool stops_at_calls() const noexcept override { return true; }
    void call_entry(task& t, const interrupted& at) override;
    void call_exit(task& t, const interrupted& at) override;
    void delivery(task& t, const interrupted& at) override;
    void gone(task& t) override
    {
        entered_.erase(t.tid);
        asleep_.erase(t.tid);
    }
    bool waits() const noexcept override { return !asleep_.empty(); }
    void idle() override;

    const std::vector<call>& calls() const noexcept { return calls_; }
    /// What the NMIs met.
    const call_table& table() const noexcept { return table_; }
    const std::map<call_address, hit>& hits() const noexcept { return hits_; }

private:
    struct place {
        std::uintptr_t ip = 0;
        std::uintptr_t sp = 0;
        /// Instruction and stack of calls that ended with a code of the kernel's.
        std::vector<std::pair<std::uintptr_t, std::uintptr_t>> restarting;
        call_address at;
        bool shot = false;
    };

    bool counts(long nr) const noexcept;
    void shoot(task& t, place& p);

    const options how_;
    const std::set<call_address> shoot_;
    std::map<pid_t, place> entered_;
    std::map<pid_t, task*> asleep_; ///< to be sent an NMI once it sleeps in its call
    std::vector<call> calls_;
    call_table table_;
    std::map<call_address, hit> hits_;
};

} // namespace nmisim::exec
