// SPDX-License-Identifier: MIT
#include "base/histogram.hpp"
#include "support/catch2.hpp"

using namespace nmisim;

TEST_CASE("every value lies in the bucket that it is counted in")
{
    for (std::uint64_t value = 0; value < 100'000; ++value) {
        const int bucket = histogram_bucket(value);
        if (value < histogram_floor(bucket) || value >= histogram_floor(bucket + 1))
            FAIL("value " << value << " in bucket " << bucket);
    }
    CHECK(histogram_bucket(UINT64_MAX) == histogram_buckets - 1);
}

TEST_CASE("a bucket is at most an eighth of its value wide")
{
    for (int i = 8; i < histogram_buckets; ++i)
        CHECK(8 * (histogram_floor(i + 1) - histogram_floor(i)) <= histogram_floor(i));
}

TEST_CASE("percentiles are the bucket's upper edge and never beyond what was seen")
{
    histogram h;
    for (std::uint64_t v = 1; v <= 1000; ++v)
        h.record(v);
    latency l;
    l.merge(h);
    CHECK(l.count == 1000);
    CHECK(l.min_ns == 1);
    CHECK(l.max_ns == 1000);
    CHECK(l.mean_ns() == 500.5);
    CHECK(l.percentile_ns(0.5) >= 500);
    CHECK(l.percentile_ns(0.5) <= 575);
    CHECK(l.percentile_ns(1.0) == 1000);
    CHECK(latency{}.percentile_ns(0.5) == 0);
}

TEST_CASE("merging two histograms keeps both extremes")
{
    histogram low, high, none;
    low.record(3);
    high.record(5'000'000);
    latency l;
    l.merge(none);
    l.merge(high);
    l.merge(low);
    CHECK(l.min_ns == 3);
    CHECK(l.max_ns == 5'000'000);
    CHECK(l.count == 2);
}
