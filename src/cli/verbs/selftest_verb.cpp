// SPDX-License-Identifier: MIT
//
// `nmi-sim selftest`: a line per test case and a verdict, as the kernel prints them at boot.
#include "base/shown_text.hpp"
#include "cli/exit_code.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/verb.hpp"
#include "verify/selftest.hpp"

#include <fmt/format.h>

namespace nmisim::cli {

int selftest_verb(const settings& s, const invocation&)
{
    if (!s.words.empty())
        throw usage_error("unexpected argument '{}'", shown(s.words.front()));
    int cases = 0, failed = 0;
    const bool good = run_selftest({}, [&](const selftest_result& r) {
        cases += r.skipped ? 0 : 1;
        failed += r.passed || r.skipped ? 0 : 1;
        write_stdout(r.passed ? fmt::format("  ok    {}\n", r.name)
                              : fmt::format("  {}  {}: {}\n", r.skipped ? "skip" : "FAIL", r.name, r.why));
    });
    write_stdout(good ? fmt::format("Good, all {} testcases passed!\n", cases)
                      : fmt::format("BUG: {} of {} testcases failed\n", failed, cases));
    return good ? exit_pass : exit_check_failed;
}

} // namespace nmisim::cli
