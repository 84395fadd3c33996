// SPDX-License-Identifier: MIT
#include "cli/options/boost_options.hpp"

#include "cli/options/suggest.hpp"

#include <boost/program_options/value_semantic.hpp>
#include <fmt/format.h>

#include <array>
#include <utility>

namespace nmisim::cli {

namespace po = boost::program_options;

po::options_description boost_description(verb_set verb)
{
    po::options_description all;
    for (const option_spec& o : all_options()) {
        if (!o.is_for(verb))
            continue;
        std::string names(o.name);
        if (o.letter != 0) {
            names += ',';
            names += o.letter;
        }
        auto* const value = po::value<std::string>();
        if (o.is_flag())
            value->zero_tokens()->implicit_value("true");
        if (o.value_can_be_left_out())
            value->implicit_value("");
        all.add_options()(names.c_str(), value, "");
    }
    return all;
}

std::string option_hint(std::string_view unknown, verb_set verb, std::string_view prefix)
{
    std::vector<std::string> names;
    for (const option_spec& o : all_options())
        if (o.is_for(verb))
            names.emplace_back(o.name);
    if (const std::string nearest = suggest(unknown, names); !nearest.empty())
        return fmt::format("; did you mean '{}{}'?", prefix, nearest);

    constexpr std::array verbs{std::pair{for_run, "run"},         std::pair{for_list, "list"},
                               std::pair{for_explore, "explore"}, std::pair{for_selftest, "selftest"},
                               std::pair{for_page, "page"},       std::pair{for_exec, "exec"},
                               std::pair{for_merge, "merge"}};
    if (const option_spec* const elsewhere = find_option(unknown))
        for (const auto& [set, name] : verbs)
            if (elsewhere->is_for(set))
                return fmt::format("; it is an option of 'nmi-sim {}'", name);
    return {};
}

} // namespace nmisim::cli
