// SPDX-License-Identifier: MIT
//
// Callbacks for call_rcu() that say whether and in which order they ran, and whether a worker that sleeps is woken.
#pragma once

#include "rcu/rcu.hpp"
#include "support/await.hpp"

#include <atomic>
#include <dirent.h>
#include <fstream>
#include <string>
#include <vector>

namespace nmisim::test {

struct deferred {
    rcu_callback_head head; // first
    std::atomic<int> ran{0};
    void pass_to(const domain_rcu& rcu)
    {
        rcu.call(&head, [](rcu_callback_head* h) { ++reinterpret_cast<deferred*>(h)->ran; });
    }
};

/// Callbacks, each with a number: they run one after another on the worker.
class numbered_callbacks {
public:
    explicit numbered_callbacks(std::size_t most) : all_(most) {}
    void pass_to(const domain_rcu& rcu)
    {
        for (std::size_t i = 0; i < all_.size(); ++i) {
            all_[i].order = &order_;
            all_[i].number = i;
            rcu.call(&all_[i].head, [](rcu_callback_head* h) {
                const auto& self = *reinterpret_cast<numbered*>(h);
                self.order->push_back(self.number);
            });
        }
    }
    /// When the worker is done with them. "n in order", or in another one.
    std::string ran() const
    {
        bool in_order = true;
        for (std::size_t i = 0; i < order_.size(); ++i)
            in_order = in_order && order_[i] == i;
        return std::to_string(order_.size()) + (in_order ? " in order" : " in another order");
    }

private:
    struct numbered {
        rcu_callback_head head; // first
        std::vector<std::size_t>* order;
        std::size_t number;
    };
    std::vector<numbered> all_;
    std::vector<std::size_t> order_; // the worker's
};

/// Whether this process has a thread of this name that sleeps.
inline bool is_asleep(const std::string& name)
{
    bool found = false;
    DIR* const tasks = opendir("/proc/self/task");
    while (const dirent* const entry = readdir(tasks)) {
        std::ifstream stat(std::string("/proc/self/task/") + entry->d_name + "/stat");
        std::string line;
        std::getline(stat, line);
        found = found || line.find("(" + name + ") S ") != std::string::npos;
    }
    closedir(tasks);
    return found;
}

/// Passes a callback each time that the worker sleeps: "woke", or what went wrong.
inline std::string wakes_each_time(const domain_rcu& rcu)
{
    rcu.start_worker();
    for (int i = 0; i < 30; ++i) {
        if (!eventually([] { return is_asleep("call_rcu"); }))
            return "awake before callback " + std::to_string(i);
        deferred d;
        d.pass_to(rcu);
        if (!eventually([&] { return d.ran != 0; }))
            return "slept through callback " + std::to_string(i);
        rcu.barrier(); // d goes
    }
    return "woke";
}

} // namespace nmisim::test
