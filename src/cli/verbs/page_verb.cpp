// SPDX-License-Identifier: MIT
//
// `nmi-sim page FILE...`: one page of results from files, or only their pictures.
#include "cli/exit_code.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/verb.hpp"
#include "report/output_file.hpp"
#include "report/page/page.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace nmisim::cli {

namespace {

constexpr std::size_t longest = std::size_t{256} << 20; // a file without an end is an error

std::string contents_of(const std::string& name)
{
    const std::string path = name == "-" ? "/dev/stdin" : name;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
    std::string text;
    std::array<char, 65536> chunk;
    std::size_t n = 0;
    while (file != nullptr && text.size() <= longest &&
           (n = std::fread(chunk.data(), 1, chunk.size(), file.get())) != 0)
        text.append(chunk.data(), n);
    if (file == nullptr || std::ferror(file.get()) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot read " + path);
    if (text.size() > longest)
        throw std::runtime_error("cannot read " + path + ": more than 256 MiB");
    return text;
}

} // namespace

int page_verb(const settings& s, const invocation&)
{
    if (s.words.empty())
        throw usage_error("page draws what is in files: name one, or - for standard input");
    std::vector<json_text> files;
    for (const std::string& name : s.words) {
        if (!s.output_file.empty() && file_behind(name) == file_behind(s.output_file))
            throw usage_error("--output {} would overwrite what it is drawn from", s.output_file);
        files.push_back({name, contents_of(name)});
    }
    const std::string page = page_over(files, s.output_file.ends_with(".svg"));
    if (s.output_file.empty())
        write_stdout(page);
    else
        write_output_file(s.output_file, page);
    return exit_pass;
}

} // namespace nmisim::cli
