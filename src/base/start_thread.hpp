// SPDX-License-Identifier: MIT
//
// Starts a thread, or throws an error that says what the thread is for and what is probably missing: the library says
// only "Resource temporarily unavailable", for too little memory as well as for too many threads.
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
