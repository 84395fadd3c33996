/* SPDX-License-Identifier: MIT */
/* A program in C with threads, which loads a plugin and is not linked with what that needs: cc host.c -ldl -pthread */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static volatile int stop;

static void* work(void* nothing)
{
    volatile unsigned long n = 0;
    while (!stop)
        ++n;
    return nothing;
}

int main(int count, char** words)
{
    pthread_t threads[2];
    int (*start)(unsigned);
    int (*swap)(void);
    int (*end)(void);
    unsigned long (*samples)(void);
    const char* (*text)(int);
    int i, error;
    void* const plugin = count > 1 ? dlopen(words[1], RTLD_NOW) : NULL;
    if (plugin == NULL) {
        puts(count > 1 ? dlerror() : "usage: host PLUGIN");
        return 2;
    }
    *(void**)&start = dlsym(plugin, "sampler_start");
    *(void**)&swap = dlsym(plugin, "sampler_swap");
    *(void**)&end = dlsym(plugin, "sampler_stop");
    *(void**)&samples = dlsym(plugin, "sampler_samples");
    *(void**)&text = dlsym(plugin, "sampler_strerror");
    for (i = 0; i < 2; ++i)
        pthread_create(&threads[i], NULL, work, NULL);
    error = start(1000);
    while (error == 0 && samples() < 20)
        error = swap();
    stop = 1;
    for (i = 0; i < 2; ++i)
        pthread_join(threads[i], NULL);
    if (error == 0)
        error = end();
    printf("host: %s\n", text(error));
    return error != 0;
}
