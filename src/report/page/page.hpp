// SPDX-License-Identifier: MIT
//
// A page of results in JSON: an exploration, as `nmi-sim explore --output` writes it, or a document that describes the
// page, as nmi-stress and the benchmarks write it:
//
//   {"schema": "nmi-sim-page-1", "title": "...", "parts": [PART...]}
//   PART   {"id", "title", "text"}; "verdict": pass, fail or incomplete, and its "word"; "columns": [[HEAD, CLASS, UNIT]...]
//          and "rows": [[CELL...]...]; "charts": [CHART...]. All but the id may be absent
//   CELL   a text; a number, in its column's unit; null; or {"text", "css", "links": [[ADDRESS, NAME]...]}
//   CHART  {"title", "bars": [[NAME, NOTE, CLASS, SHARE, FROM, TO]...]}, in shares of the width; or
//          {"title", "unit", "runs", "first", "last", "trend": [[RUN, GROUP, VALUE, NAME]...]}
//   UNIT   "ns", "/s" or ""
#pragma once

#include <string>
#include <vector>

namespace nmisim {

struct json_text {
    std::string name; ///< of its file, for messages
    std::string text;
};

/// HTML; or, with `as_svg`, the pictures alone.
/// Errors: std::runtime_error, with the name of the file.
std::string page_over(const std::vector<json_text>& files, bool as_svg);

} // namespace nmisim
