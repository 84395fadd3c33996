// SPDX-License-Identifier: MIT
//
// `nmi-sim merge FILE...`: reports and journals of exec made into one report.
#include "cli/exit_code.hpp"
#include "cli/options/contradictions.hpp"
#include "cli/options/input_file.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/verbs/exec_reports.hpp"
#include "cli/verbs/verb.hpp"
#include "report/json/exec_read.hpp"
#include "report/output_file.hpp"

namespace nmisim::cli {

int merge_verb(const settings& s, const invocation&)
{
    if (s.words.empty())
        throw usage_error("merge reads what 'nmi-sim exec -o FILE' has written: name the files");
    check_output_files(s);
    std::vector<json_text> files;
    for (const std::string& name : s.words) {
        for (const std::string& written : {s.output_file, s.report_file})
            if (!written.empty() && file_behind(name) == file_behind(written))
                throw usage_error("{} would overwrite what is merged", written);
        files.push_back({name, read_whole_file(name == "-" ? "/dev/stdin" : name)});
    }
    exec::exec_report report = exec::merged(files);
    report_writer writer;
    write_exec_reports(writer, report, s);
    return writer.exit_code(exec::exit_code_of(report));
}

} // namespace nmisim::cli
