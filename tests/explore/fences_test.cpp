// SPDX-License-Identifier: MIT
//
// The fences of flavors nmi and srcu, each left out, on this machine's code: a proof where a race test needs luck. Both
// flavors are templates over their platform and their orders.
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include "rcu/nmi_grace_period.hpp"
#include "rcu/nmi_platform.hpp"
#include "rcu/srcu/grace_period.hpp"
#include "rcu/srcu/platform.hpp"

#include <atomic>

using namespace nmisim::explore;
using nmisim::reader_offset;

namespace {

std::atomic<int*> published;
int objects[2];
bool used_after;

constexpr int alive = 1;
constexpr int poison = 0x6b;

void use_what_is_published()
{
    const int* const object =
        published.load(std::memory_order_relaxed); // on x86 a plain load, as rcu_dereference
    if (*static_cast<const volatile int*>(object) != alive)
        used_after = true;
}

const char* broken()
{
    return used_after ? "used after its grace period" : nullptr;
}

void prepare()
{
    objects[0] = objects[1] = alive;
    published.store(&objects[0], std::memory_order_relaxed);
    used_after = false;
}

template <class GracePeriod>
void swap(GracePeriod wait)
{
    published.store(&objects[1],
                    std::memory_order_release); // (1) release: the new object; pairs with outside: a reader
    wait();
    *static_cast<volatile int*>(&objects[0]) = poison;
}

struct nmi_test_platform : nmisim::rcu::nmi_platform {
    using reader = nmisim::rcu::nmi_reader<nmi_test_platform>;
    static constexpr unsigned spins = 2;
    static void wake(reader&) noexcept {}
    static void sleep_until_ended(reader& r, std::uint64_t word, bool (*ended)(const reader&, std::uint64_t))
    {
        while (!ended(r, word))
            about_to_wait();
    }
};

template <class Orders>
struct flavor_nmi {
    static inline nmisim::rcu::nmi_grace_period<nmi_test_platform, Orders, 64> grace_periods;
    static inline nmi_test_platform::reader* line;

    static void setup() { line = grace_periods.take_reader(); }
    static void prepare() { ::prepare(); }
    static void reader()
    {
        using namespace nmisim::rcu;
        const std::uint64_t before = enter_section<nmi_test_platform, Orders>(*line, reader_offset);
        use_what_is_published();
        leave_section<nmi_test_platform, Orders>(*line, before, -std::uint64_t{reader_offset});
    }
    static void updater()
    {
        swap([] { grace_periods.synchronize_alone(); });
    }
};

struct srcu_test_platform : nmisim::rcu::srcu_platform {
    static unsigned current_cpu() noexcept { return 0; }
    static void pause(unsigned) noexcept { about_to_wait(); }
};

template <class Orders>
struct flavor_srcu {
    static inline nmisim::rcu::srcu_grace_period<srcu_test_platform, Orders, 1> grace_periods;

    static void setup() {}
    static void prepare()
    {
        ::prepare();
        grace_periods.readers().sequence.store(0, std::memory_order_relaxed); // both threads are at rest
    }
    static void reader()
    {
        using namespace nmisim::rcu;
        auto& count = enter_section<srcu_test_platform, Orders>(grace_periods.readers());
        use_what_is_published();
        leave_section<srcu_test_platform, Orders>(count);
    }
    static void updater()
    {
        swap([] { grace_periods.synchronize(); });
    }
};

struct nmi_without_reader_fence : nmisim::rcu::nmi_orders {
    static constexpr bool reader_fence = false;
};
struct nmi_without_updater_fence : nmisim::rcu::nmi_orders {
    static constexpr bool updater_fence = false;
};
struct srcu_without_look_fence : nmisim::rcu::srcu_orders {
    static constexpr std::memory_order caller_fence = std::memory_order_relaxed;
    static constexpr std::memory_order look_fence = std::memory_order_relaxed;
};

template <class Flavor>
map_report map_of(memory_model memory)
{
    limits within;
    within.memory = memory;
    return map({.name = "section x swap",
                .setup = Flavor::setup,
                .prepare = Flavor::prepare,
                .reader = Flavor::reader,
                .updater = Flavor::updater,
                .broken = broken},
               true, within);
}

template <class Flavor>
void is_clean()
{
    for (const memory_model memory : {memory_model::sc, memory_model::tso}) {
        const map_report r = map_of<Flavor>(memory);
        INFO(to_text(r));
        if (!r.absent.empty()) // built without capstone
            return;
        CHECK(r.clean());
        CHECK(r.unsupported.empty());
        CHECK(r.count(cell::waits) > 0);
    }
}

template <class Flavor>
void is_found_under_tso_alone(bool reader_waits)
{
    const map_report sc = map_of<Flavor>(memory_model::sc);
    const map_report r = map_of<Flavor>(memory_model::tso);
    INFO(to_text(sc) << to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(sc.clean());
    CHECK(r.complete);
    CHECK(exit_code(r) == 3);
    REQUIRE_FALSE(r.findings.empty());
    const map_finding& f = r.findings.front();
    bool told = false;
    for (const map_context& c : f.contexts)
        told = told || (c.reader == reader_waits && c.waiting_stores != 0 && c.stored_by.ip != 0 &&
                        c.overtaken_by.ip != 0);
    CHECK(told);
    CHECK(to_text(r).find("a fence between the two forbids it") != std::string::npos);
    const map_report again = map_of<Flavor>(memory_model::tso);
    REQUIRE_FALSE(again.findings.empty());
    CHECK(again.findings.size() == r.findings.size());
    CHECK(again.findings.front().schedule == f.schedule);
}

} // namespace

TEST_CASE("flavor nmi is clean with store buffers, and without one of its fences it is not")
{
    is_clean<flavor_nmi<nmisim::rcu::nmi_orders>>();
    is_found_under_tso_alone<flavor_nmi<nmi_without_reader_fence>>(true);
    is_found_under_tso_alone<flavor_nmi<nmi_without_updater_fence>>(false);
}

TEST_CASE("flavor srcu is clean with store buffers, and without its updater's fence it is not")
{
    is_clean<flavor_srcu<nmisim::rcu::srcu_orders>>();
    is_found_under_tso_alone<flavor_srcu<srcu_without_look_fence>>(false);
}
