// SPDX-License-Identifier: MIT
//
// The parts of the benchmark program, each registered by its own file. A benchmark's name is
// `what/who/parameters`; `who` is `bare` for the floor that the others of the same `what` are compared with.
//
// How to read one: every benchmark runs in many short repetitions, shuffled among all others, so that a noisy
// moment of the machine hits them alike; the median and the minimum of the repetitions are the figures. Where a
// ratio matters, both sides run in turn inside one repetition and the ratio is a counter of its own.
#pragma once

namespace nmisim::bench {

void register_dispatcher();
void register_saturation();
void register_end_to_end();
void register_writer();
void register_exactly_once();
void register_scale();
void register_domain();
void register_cost();
void register_explore();
void register_library();

} // namespace nmisim::bench
