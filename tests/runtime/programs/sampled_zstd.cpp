// SPDX-License-Identifier: MIT
//
// zstd with four threads of its own, which it makes and ends for each run.
#include "sampled.hpp"

#include <string>
#include <zstd.h>

namespace {

/// Text that compresses, and takes its time.
std::string text()
{
    std::string made;
    std::uint64_t x = 1;
    while (made.size() < 4'000'000) {
        x = x * 6364136223846793005U + 1442695040888963407U;
        made += "word" + std::to_string((x >> 40) % 5000) + " ";
    }
    return made;
}

/// The compressed bytes; nothing if they do not become the text again.
std::string work()
{
    static const std::string plain = text();
    std::string packed(ZSTD_compressBound(plain.size()), '\0');
    ZSTD_CCtx* const context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 6);
    if (ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_nbWorkers, 4)) != 0)
        return "no threads in this libzstd";
    const std::size_t size =
        ZSTD_compress2(context, packed.data(), packed.size(), plain.data(), plain.size());
    ZSTD_freeCCtx(context);
    packed.resize(ZSTD_isError(size) != 0 ? 0 : size);
    std::string again(plain.size(), '\0');
    const std::size_t length = ZSTD_decompress(again.data(), again.size(), packed.data(), packed.size());
    return length == plain.size() && again == plain ? packed : "";
}

} // namespace

int main()
{
    const std::string once = work();
    if (once.size() < 100) {
        std::printf("skipped: %s\n", once.c_str());
        return once.empty() ? 1 : 77;
    }
    return nmisim::test::sampled(work);
}
