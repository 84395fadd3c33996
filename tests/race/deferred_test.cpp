// SPDX-License-Identifier: MIT
//
// call_rcu() of flavor nmi, one rule at a time. The reader's own line shows that the worker waits for it, so a callback
// that runs too early is found without luck.
#include "rcu/nmi.hpp"
#include "rcu/rcu.hpp"
#include "support/await.hpp"
#include "support/call_rcu.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <atomic>
#include <string>
#include <thread>

using namespace nmisim;
using nmisim::test::deferred;
using nmisim::test::eventually;
using nmisim::test::in_child;
using nmisim::test::numbered_callbacks;
using nmisim::test::wakes_each_time;

namespace {

const domain_rcu ops{flavor::nmi};

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
        d.pass_to(ops);
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
        early.pass_to(ops);
        if (!eventually([&] { return second.is_waited_for(); }))
            return std::string("nobody waits");
        // The grace period under way has looked at the first reader, and will not again.
        if (!first.enter())
            return std::string("no second section");
        late.pass_to(ops);
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
        numbered_callbacks callbacks(100);
        reader_thread reader;
        if (!reader.enter())
            return std::string("no section");
        callbacks.pass_to(ops);
        std::atomic<bool> in_barrier{false};
        std::thread lets_go([&] {
            eventually([&] { return reader.is_waited_for() && in_barrier; });
            reader.leave();
        });
        in_barrier = true;
        ops.barrier();
        const std::string ran = callbacks.ran();
        lets_go.join();
        return ran;
    });
    CHECK(child.exited);
    CHECK(child.text == "100 in order");
}

TEST_CASE("a worker that sleeps because there was nothing to do wakes for the next callback, each time")
{
    const auto child = in_child(60, [] { return wakes_each_time(ops); });
    CHECK(child.exited);
    CHECK(child.text == "woke");
}
