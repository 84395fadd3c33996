// SPDX-License-Identifier: MIT
//
// nmi-sim: finds the verb and runs it. Only here an exception becomes a message and an exit code.
#include "base/shown_text.hpp"
#include "cli/exit_code.hpp"
#include "cli/options/suggest.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/stop_signals.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/verb.hpp"

#include <fmt/format.h>

#include <exception>
#include <new>

namespace {

using namespace nmisim::cli;

struct chosen {
    const verb_info* verb;
    invocation call;
};

chosen choose_verb(int argc, char** argv)
{
    chosen c{&default_verb(), {{argv, argv + argc}, {}}};
    int first = 1;
    if (argc > 1 && argv[1][0] != '-' && argv[1][0] != '\0') {
        c.verb = find_verb(argv[1]);
        if (c.verb == nullptr) {
            std::vector<std::string> names;
            for (const verb_info& v : all_verbs())
                names.emplace_back(v.name);
            const std::string nearest = suggest(argv[1], names);
            throw usage_error(
                fmt::format("unexpected argument '{}'{}", nmisim::shown(argv[1]),
                            nearest.empty() ? "" : fmt::format("; did you mean 'nmi-sim {}'?", nearest)));
        }
        first = 2;
    }
    for (int i = first; i < argc; ++i)
        c.call.words.emplace_back(argv[i]);
    return c;
}

int fail(std::string_view text, exit_code code)
{
    say(text);
    return code;
}

} // namespace

int main(int argc, char** argv)
{
    prepare_streams();
    ignore_status_requests();
    std::string help = "nmi-sim --help";
    try {
        const chosen c = choose_verb(argc, argv);
        if (c.verb != &default_verb())
            help = fmt::format("nmi-sim {} --help", c.verb->name);
        return c.verb->run(c.call);
    } catch (const usage_error& e) {
        say(e.what());
        write_stderr(fmt::format("Try '{}' for more information.\n", help));
        return exit_usage;
    } catch (const std::bad_alloc&) {
        return fail("out of memory", exit_could_not_run);
    } catch (const std::exception& e) {
        return fail(e.what(), exit_could_not_run);
    }
}
