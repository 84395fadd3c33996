// SPDX-License-Identifier: MIT
//
// The benchmark program: Google Benchmark's options, and the machine and versions of its figures.
#include "report/build_info.hpp"
#include "report/host_info.hpp"
#include "suite.hpp"

#include <benchmark/benchmark.h>
#include <fstream>
#include <string>

namespace {

std::string cpu_model()
{
    std::ifstream cpuinfo("/proc/cpuinfo");
    for (std::string line; std::getline(cpuinfo, line);)
        if (line.starts_with("model name"))
            return line.substr(line.find(':') + 2);
    return "unknown";
}

void add_context()
{
    const nmisim::host_info host = nmisim::read_host_info();
    benchmark::AddCustomContext("cpu", cpu_model() + (host.is_virtual ? ", virtual" : ""));
    benchmark::AddCustomContext("cpus", std::to_string(host.cpus_allowed));
    benchmark::AddCustomContext("kernel", host.kernel + " " + host.machine);
    benchmark::AddCustomContext("compiler", std::string(nmisim::compiler_text));
    benchmark::AddCustomContext("build", std::string(nmisim::build_type) + ", sanitizer " +
                                             std::string(nmisim::sanitizer_name));
    benchmark::AddCustomContext("nmi-sim", std::string(nmisim::tool_version));
    benchmark::AddCustomContext("liburcu", NMISIM_LIBURCU_VERSION);
#ifdef NMISIM_CK_VERSION
    benchmark::AddCustomContext("ck", NMISIM_CK_VERSION);
#endif
}

} // namespace

int main(int argc, char** argv)
{
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    add_context();
    nmisim::bench::register_dispatcher();
    nmisim::bench::register_end_to_end();
    nmisim::bench::register_saturation();
    nmisim::bench::register_writer();
    nmisim::bench::register_exactly_once();
    nmisim::bench::register_scale();
    nmisim::bench::register_domain();
    nmisim::bench::register_cost();
    nmisim::bench::register_explore();
    nmisim::bench::register_library();
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
