// SPDX-License-Identifier: MIT
#include "exec/handlers/signal_name.hpp"

#include "base/number_text.hpp"

#include <csignal>
#include <cstring>

namespace nmisim::exec {

std::string signal_name(int signal)
{
    if (signal >= SIGRTMIN && signal <= SIGRTMAX)
        return signal == SIGRTMIN ? "RTMIN" : "RTMIN+" + std::to_string(signal - SIGRTMIN);
    const char* const name = sigabbrev_np(signal);
    return name != nullptr ? name : std::to_string(signal);
}

std::optional<int> signal_of(std::string_view text)
{
    if (text.starts_with("SIG"))
        text.remove_prefix(3);
    const auto number = number_in(text);
    for (int signal = 1; signal <= SIGRTMAX; ++signal)
        if (signal != SIGKILL && signal != SIGSTOP &&
            (number ? static_cast<std::uint64_t>(signal) == *number : signal_name(signal) == text))
            return signal;
    return std::nullopt;
}

} // namespace nmisim::exec
