// SPDX-License-Identifier: MIT
#include "exec/handlers/signal_name.hpp"

#include <charconv>
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
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_number = error == std::errc{} && end == text.data() + text.size();
    for (int signal = 1; signal <= SIGRTMAX; ++signal)
        if (signal != SIGKILL && signal != SIGSTOP &&
            (is_number ? signal == number : signal_name(signal) == text))
            return signal;
    return std::nullopt;
}

} // namespace nmisim::exec
