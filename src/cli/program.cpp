// SPDX-License-Identifier: MIT
//
// nmi-sim: finds the verb and runs it. Only here an exception becomes a message and an exit code.
#include "cli/program.hpp"

#include "base/shown_text.hpp"
#include "cli/exit_code.hpp"
#include "cli/options/command_line.hpp"
#include "cli/options/suggest.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/verb.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <new>

namespace nmisim::cli {

namespace {

struct chosen {
    const verb_info* verb;
    invocation call;
};

chosen choose_verb(int argc, char** argv)
{
    chosen c{&default_verb(), {{argv, argv + argc}, {}, {}}};
    int first = std::min(1, argc);
    if (argc > 1 && argv[1][0] != '-' && argv[1][0] != '\0') {
        c.verb = find_verb(argv[1]);
        if (c.verb == nullptr) {
            throw usage_error("unexpected argument '{}'{}", shown(argv[1]),
                              did_you_mean(argv[1], names_in(all_verbs()), "nmi-sim "));
        }
        first = 2;
    }
    char** const end = argv + argc;
    char** const dashes = c.verb->id == for_exec ? std::find(argv + first, end, std::string_view("--")) : end;
    c.call.words.assign(argv + first, dashes);
    c.call.command.assign(std::min(dashes + 1, end), end);
    return c;
}

int carry_out(const verb_info& verb, const invocation& call)
{
    if (verb.id == for_none)
        return verb.run({}, call);
    const settings s = parse_command_line(verb.id, call.words);
    if (s.help || s.version) {
        write_stdout(s.help ? help_text(verb, help_columns()) : version_text());
        return exit_pass;
    }
    return verb.run(s, call);
}

} // namespace

int run_program(int argc, char** argv)
{
    prepare_streams();
    std::signal(SIGUSR1, SIG_IGN); // asks for a status, which not every verb has: it must not end one
    std::string help = "nmi-sim --help";
    try {
        const chosen c = choose_verb(argc, argv);
        if (c.verb != &default_verb())
            help = fmt::format("nmi-sim {} --help", c.verb->name);
        return carry_out(*c.verb, c.call);
    } catch (const usage_error& e) {
        say(e.what());
        write_stderr(fmt::format("Try '{}' for more information.\n", help));
        return exit_usage;
    } catch (const std::bad_alloc&) {
        say("out of memory");
    } catch (const std::exception& e) {
        say(e.what());
    }
    return exit_could_not_run;
}

} // namespace nmisim::cli
