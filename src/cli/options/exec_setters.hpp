// SPDX-License-Identifier: MIT
//
// As setters.hpp, for the options of exec. Errors: usage_error.
#pragma once

#include "cli/options/settings.hpp"

#include <string_view>

namespace nmisim::cli {

void set_restart(settings& s, std::string_view value);        // on | off | both
void set_wait(settings& s, std::string_view value);           // main | all
void set_at(settings& s, std::string_view value);             // 0.1:121 | work+0xf#2
void set_handler_signal(settings& s, std::string_view value); // USR1 | RTMIN+1 | 10
void set_function(settings& s, std::string_view value);       // [LIB:]NAME | LIB+0xOFFSET
void set_visit(settings& s, std::string_view value);          // N | all
void set_fork(settings& s, std::string_view value);           // auto | never
void set_calls(settings& s, std::string_view value);          // first | each
void set_allow(settings& s, std::string_view value);          // NAME[,NAME]
void set_compare(settings& s, std::string_view value);        // status,stdout,stderr,file=PATH
void set_each_call(settings& s, std::string_view value);
void set_place(settings& s, std::string_view value);
void set_mask(settings& s, std::string_view value);
void set_follow(settings& s, std::string_view value);
void set_stacks(settings& s, std::string_view value);
void set_shard(settings& s, std::string_view value);
void set_fail_if(settings& s, std::string_view value);

} // namespace nmisim::cli
