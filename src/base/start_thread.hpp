// SPDX-License-Identifier: MIT
//
// A thread, or an error that says whose it was to be and what is likely short: the library says "Resource temporarily
// unavailable", and means memory as often as threads.
#pragma once

#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace nmisim {

/// `whose` as in "the injector's thread". Context: control. Errors: std::system_error.
template <class Body>
std::thread start_thread(const std::string& whose, Body&& body)
{
    try {
        return std::thread(std::forward<Body>(body));
    } catch (const std::system_error& e) {
        throw std::system_error(e.code(),
                                "cannot start " + whose +
                                    ": too little memory (ulimit -v), or too many threads (ulimit -u)");
    }
}

} // namespace nmisim
