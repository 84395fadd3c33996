// SPDX-License-Identifier: MIT
//
// What each option's value does to the settings, where it takes more than one line to say. Internal to the
// option table. Errors: usage_error, which the caller completes with the option's name or file and line.
#pragma once

#include "cli/options/settings.hpp"

#include <string_view>

namespace nmisim::cli {

void set_rate(settings& s, std::string_view value);           // N | max
void set_source(settings& s, std::string_view value);         // KIND[,KIND...]
void set_arrival(settings& s, std::string_view value);        // periodic | poisson | burst:N
void set_swap_interval(settings& s, std::string_view value);  // TIME | never
void set_onoff_interval(settings& s, std::string_view value); // TIME | never
void set_memory(settings& s, std::string_view value);         // sc | tso
void set_handler(settings& s, std::string_view value);        // count | slow:TIME | a job, with its number
void set_fault(settings& s, std::string_view value);          // NAME | none
void set_flavor(settings& s, std::string_view value);         // NAME | all (explore)
void set_window(settings& s, std::string_view value);         // NAME of a window
std::string file_name(std::string_view value);                // of a report
std::string file_to_read(std::string_view value);             // of a configuration
/// --quiet and --verbose: the last one that is set wins; one set to false does not change the other.
void set_verbosity(settings& s, std::string_view value, verbosity asked);
void set_signal(settings& s, std::string_view value); // RTMIN+n; of exec: USR1 | RTMIN+1 | 10

void set_at(settings& s, std::string_view value);        // 0.1:121 | work+0xf#2
void set_function(settings& s, std::string_view value);  // [LIB:]NAME | LIB+0xOFFSET
void set_allow(settings& s, std::string_view value);     // NAME[,NAME]
void set_compare(settings& s, std::string_view value);   // status,stdout,stderr,file=PATH
void set_each_call(settings& s, std::string_view value); // nothing | NAME[,NAME] | all
void set_shard(settings& s, std::string_view value);     // I/N
void set_fail_if(settings& s, std::string_view value);

} // namespace nmisim::cli
