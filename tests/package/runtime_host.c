/* SPDX-License-Identifier: MIT */
/* A host in C that knows nothing of the library: loads a plugin, runs it, unloads it, and gets a late signal. */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(int count, char** words)
{
    void* const plugin = count > 1 ? dlopen(words[1], RTLD_NOW) : NULL;
    int (*run)(void);
    if (plugin == NULL) {
        puts(dlerror());
        return 1;
    }
    *(void**)&run = dlsym(plugin, "run");
    if (run() != 0)
        return 1;
    printf("dlclose %d\n", dlclose(plugin));
    raise(SIGPROF);
    puts("alive");
    return 0;
}
