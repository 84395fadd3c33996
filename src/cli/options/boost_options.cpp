// SPDX-License-Identifier: MIT
#include "cli/options/boost_options.hpp"

#include "cli/options/suggest.hpp"
#include "cli/verbs/verb.hpp"

#include <boost/program_options/value_semantic.hpp>
#include <fmt/format.h>

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
    std::string hint = did_you_mean(unknown, names, prefix);
    if (const option_spec* const elsewhere = find_option(unknown); elsewhere != nullptr && hint.empty())
        for (const verb_info& v : all_verbs())
            if (elsewhere->is_for(v.id))
                return fmt::format("; it is an option of 'nmi-sim {}'", v.name);
    return hint;
}

} // namespace nmisim::cli
