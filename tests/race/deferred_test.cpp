// SPDX-License-Identifier: MIT
//
// call_rcu() of flavor nmi, one rule at a time. The reader's own line shows that the worker waits for it, so a callback
// that runs too early is found without luck.
#include "rcu/nmi.hpp"
#include "rcu/rcu.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace nmisim;
using nmisim::test::eventually;
using nmisim::test::in_child;

namespace {

const domain_rcu ops{flavor::nmi};

struct deferred {
    rcu_callback_head head; // first
    std::atomic<int> ran{0};
    void call()
    {
        ops.call(&head, [](rcu_callback_head* h) { ++reinterpret_cast<deferred*>(h)->ran; });
    }
};

/// A registered thread that enters and leaves one section as it is told.
class reader_thread {
public:
    reader_thread()
        : thread_([this] {
              ops.register_thread();
              line_ = rcu::this_reader;
              rcu_mark mark;
              while (!over_) {
                  if (wanted_ && !inside_)
                      mark = ops.read_lock(), inside_ = true;
                  else if (!wanted_ && inside_)
                      ops.read_unlock(mark), inside_ = false;
                  sched_yield();
              }
              ops.unregister_thread();
          })
    {
        registered_ = eventually([this] { return line_.load() != nullptr; });
    }
    ~reader_thread()
    {
        leave();
        over_ = true;
        thread_.join();
    }
    bool registered() const { return registered_; }
    bool enter()
    {
        wanted_ = true;
        return eventually([this] { return inside_.load(); });
    }
    void leave() { wanted_ = false; }
    /// An updater sleeps until this reader's section ends.
    bool is_waited_for() const { return line_.load()->awaited != 0; }
    bool is_looked_at_before(const reader_thread& other) const { return line_.load() < other.line_.load(); }

private:
    std::atomic<rcu::hardware_reader*> line_{nullptr};
    std::atomic<bool> wanted_{false}, inside_{false}, over_{false};
    bool registered_ = false;
    std::thread thread_;
};

} // namespace

TEST_CASE("a callback runs once, after the sections that had begun when it was passed")
{
    const auto child = in_child(60, [] {
        reader_thread reader;
        deferred d;
        if (!reader.enter())
            return std::string("no section");
        d.call();
        const bool settled = eventually([&] { return reader.is_waited_for() || d.ran != 0; });
        std::string text = !settled ? "nobody waits, " : d.ran != 0 ? "too early, " : "waits, ";
        reader.leave();
        text += eventually([&] { return d.ran != 0; }) ? "ran" : "never ran";
        ops.barrier();
        return text + (d.ran == 1 ? " once" : " again");
    });
    CHECK(child.exited);
    CHECK(child.text == "waits, ran once");
}

TEST_CASE("a callback that is passed while a batch waits has a grace period of its own")
{
    const auto child = in_child(60, [] {
        reader_thread first, second;
        deferred early, late;
        if (!first.is_looked_at_before(second))
            return std::string("another order");
        if (!second.enter())
            return std::string("no section");
        early.call();
        if (!eventually([&] { return second.is_waited_for(); }))
            return std::string("nobody waits");
        // The grace period under way has looked at the first reader, and will not again.
        if (!first.enter())
            return std::string("no second section");
        late.call();
        second.leave();
        std::string text = eventually([&] { return early.ran != 0; }) ? "early ran, " : "early did not, ";
        const bool settled = eventually([&] { return first.is_waited_for() || late.ran != 0; });
        text += !settled ? "nobody waits, " : late.ran != 0 ? "late too early, " : "late waits, ";
        first.leave();
        return text + (eventually([&] { return late.ran == 1; }) ? "late ran" : "late did not");
    });
    CHECK(child.exited);
    CHECK(child.text == "early ran, late waits, late ran");
}

TEST_CASE("callbacks run in the order in which they were passed, and a barrier waits for the last of them")
{
    const auto child = in_child(60, [] {
        struct numbered {
            rcu_callback_head head; // first
            std::vector<int>* order;
            int number;
        };
        constexpr int most = 100;
        std::vector<int> order; // the worker's, until the barrier
        std::vector<numbered> all(most);
        reader_thread reader;
        if (!reader.enter())
            return std::string("no section");
        for (int i = 0; i < most; ++i) {
            all[static_cast<std::size_t>(i)].order = &order;
            all[static_cast<std::size_t>(i)].number = i;
            ops.call(&all[static_cast<std::size_t>(i)].head, [](rcu_callback_head* h) {
                const auto& self = *reinterpret_cast<numbered*>(h);
                self.order->push_back(self.number);
            });
        }
        std::atomic<bool> in_barrier{false};
        std::thread lets_go([&] {
            eventually([&] { return reader.is_waited_for() && in_barrier; });
            reader.leave();
        });
        in_barrier = true;
        ops.barrier();
        const std::size_t ran = order.size();
        lets_go.join();
        bool in_order = true;
        for (std::size_t i = 0; i < ran; ++i)
            in_order = in_order && order[i] == static_cast<int>(i);
        return std::to_string(ran) + (in_order ? " in order" : " in another order");
    });
    CHECK(child.exited);
    CHECK(child.text == "100 in order");
}

TEST_CASE("a worker that sleeps because there was nothing to do wakes for the next callback, each time")
{
    const auto child = in_child(60, [] {
        for (int i = 0; i < 300; ++i) {
            deferred d;
            d.call();
            if (!eventually([&] { return d.ran != 0; }))
                return "slept through callback " + std::to_string(i);
            ops.barrier(); // d goes
        }
        return std::string("woke");
    });
    CHECK(child.exited);
    CHECK(child.text == "woke");
}
