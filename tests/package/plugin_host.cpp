// SPDX-License-Identifier: MIT
// Loads a plugin that uses libnmisim-machine, runs it, unloads it, and then takes a late NMI: libnmisim-machine's harmless handler
// must still be there.
#include <csignal>
#include <cstdio>
#include <dlfcn.h>
#include <unistd.h>

int main(int, char** argv)
{
    void* const plugin = dlopen(argv[1], RTLD_NOW);
    if (plugin == nullptr) {
        std::printf("dlopen: %s\n", dlerror());
        return 1;
    }
    const auto run = reinterpret_cast<int (*)()>(dlsym(plugin, "plugin_run"));
    std::printf("%d NMIs\n", run());
    std::printf("dlclose %d\n", dlclose(plugin));
    std::fflush(stdout);
    sigqueue(getpid(), SIGRTMIN + 1, sigval{});
    std::printf("alive\n");
    return 0;
}
