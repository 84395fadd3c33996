// SPDX-License-Identifier: MIT
//
// The selftest passes, and can fail.
#include "nmisim/flavor.hpp"
#include "support/catch2.hpp"
#include "support/text_matcher.hpp"
#include "verify/selftest.hpp"

#include <string>

using namespace nmisim;
using nmisim::test::Contains;

namespace {

std::string failures(const selftest_options& options, bool& good, std::size_t& cases)
{
    std::string text;
    cases = 0;
    good = run_selftest(options, [&](const selftest_result& r) {
        ++cases;
        if (!r.passed)
            text += r.name + ": " + r.why + "\n";
    });
    return text;
}

} // namespace

TEST_CASE("the selftest passes with each flavor, delivery and sender, once each")
{
    bool good = false;
    std::size_t cases = 0;
    CHECK(failures({}, good, cases) == "");
    CHECK(good);
    CHECK(cases == all_flavors.size() * 2 * 6);
}

TEST_CASE("the selftest fails when NMIs do not arrive, and names who did not get one")
{
    bool good = true;
    std::size_t cases = 0;
    const std::string text = failures({.timeout_ns = 1'000'000, .lose_raises = true}, good, cases);
    CHECK_FALSE(good);
    CHECK_THAT(text, Contains("remote IPI, flavor memb, delivery latch: vCPU 1 did not take its NMI"));
    CHECK_THAT(text, Contains("local IPI, flavor memb, delivery latch: vCPU 0 did not take its NMI"));
    CHECK_THAT(text, Contains("own timer, flavor memb, delivery latch: vCPU 0 did not take its NMIs"));
}

TEST_CASE("the selftest fails when its handler is not the one that claims the NMI")
{
    bool good = true;
    std::size_t cases = 0;
    CHECK_THAT(failures({.answer = 0}, good, cases), Contains("the handler answered 0"));
    CHECK_FALSE(good);
}
