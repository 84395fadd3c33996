// SPDX-License-Identifier: MIT
//
// The tables of the text report, one function each. Internal to report.
#pragma once

#include "report/text/text_report.hpp"

#include <string>

namespace nmisim {

std::string nmi_table(const run_report& report);
/// Empty where the injector is the only source. What perf was due to raise is not known: its clock is CPU time.
std::string source_table(const run_report& report);
std::string vcpu_table(const run_report& report, bool all);
/// Where NMIs went, a column per vCPU as in /proc/interrupts; four vCPUs a block.
std::string interrupt_table(const run_report& report, bool all);
std::string latency_table(const run_report& report, bool all);
std::string swap_table(const run_report& report);
std::string hotplug_table(const run_report& report); ///< empty without --onoff-interval
/// What the handlers of a run found out; empty where they only count.
std::string job_tables(const run_report& report);
/// The frames of a backtrace, a line each.
std::string frames_text(const std::vector<std::string>& frames);
std::string check_table(const run_report& report, const text_style& style);

/// Rows from the first to the last power of two that holds a sample; the title alone if there is none.
std::string histogram_text(std::string_view title, const latency& of, int bar_width = 40);

/// `word` in green or red, if colour is on.
std::string in_green(std::string_view word, bool color);
std::string in_red(std::string_view word, bool color);

} // namespace nmisim
