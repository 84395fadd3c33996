// SPDX-License-Identifier: MIT
#include "report/json/json_value.hpp"
#include "support/catch2.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using nmisim::json_quoted;
using nmisim::json_value;
using reader = nlohmann::ordered_json;

TEST_CASE("a JSON value is read back as it was built, members in their order", "[json]")
{
    json_value value{{"number", 1},
                     {"negative", -2},
                     {"greatest", std::numeric_limits<std::uint64_t>::max()},
                     {"least", std::numeric_limits<std::int64_t>::min()},
                     {"half", 0.5},
                     {"whole", 2.0},
                     {"small", 1e-9},
                     {"yes", true},
                     {"nothing", nullptr},
                     {"text", "a \"b\" \\ \n \t \x01"},
                     {"list", std::vector<int>{1, 2}},
                     {"pair", json_value::array({1, "two"})},
                     {"empty", json_value::array()},
                     {"inner", json_value{{"a", 1}}}};
    value["late"] = 7;
    value["number"] = 3;
    const std::string expected =
        R"({"number":3,"negative":-2,"greatest":18446744073709551615,"least":-9223372036854775808,"half":0.5,)"
        R"("whole":2.0,"small":1e-09,"yes":true,"nothing":null,"text":"a \"b\" \\ \n \t \u0001","list":[1,2],)"
        R"("pair":[1,"two"],"empty":[],"inner":{"a":1},"late":7})";
    CHECK(value.dump() == expected);
    CHECK(reader::parse(value.dump(2)) == reader::parse(expected));
    CHECK(reader::parse(value.dump(2)).dump(2) == value.dump(2));
}

TEST_CASE("a number that JSON has no word for is null", "[json]")
{
    CHECK(json_value(std::numeric_limits<double>::infinity()).dump() == "null");
    CHECK(json_value(std::numeric_limits<double>::quiet_NaN()).dump() == "null");
}

TEST_CASE("any bytes make a JSON string, and what is UTF-8 stays", "[json]")
{
    int kept = 0;
    const auto look = [&kept](const std::string& bytes) {
        const std::string quoted = json_quoted("<" + bytes + ">");
        const reader back = reader::parse(quoted, nullptr, false);
        if (back.is_discarded())
            FAIL("no JSON: " << quoted);
        // nlohmann's reader takes UTF-8 only: what it takes as it is must have been kept.
        const reader direct = reader::parse("\"<" + bytes + ">\"", nullptr, false);
        if (direct.is_discarded() || bytes.find_first_of("\"\\") != std::string::npos)
            return;
        ++kept;
        if (back.get<std::string>() != "<" + bytes + ">")
            FAIL("changed: " << quoted);
    };
    const auto byte = [](int value) { return std::string(1, static_cast<char>(value)); };
    // Bytes around each bound of RFC 3629's table.
    const std::vector<int> edges{0x1f, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf,
                                 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    for (int a = 0; a < 256; ++a)
        for (int b = 0; b < 256; ++b)
            look(byte(a) + byte(b));
    for (const int a : edges)
        for (const int b : edges)
            for (const int c : edges) {
                look(byte(a) + byte(b) + byte(c));
                for (const int d : edges)
                    look(byte(a) + byte(b) + byte(c) + byte(d));
            }
    CHECK(kept > 10000);
}
