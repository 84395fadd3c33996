/* SPDX-License-Identifier: MIT */
/* A plugin in C89 that samples the program which loads it, all its threads, on CPU time. The program knows nothing of it:
 * host.c and host.py are two. Built and run as a test.
 *
 *     cc -shared -fPIC sampler.c -o sampler.so $(pkg-config --cflags --libs nmisim)
 */
#include <nmisim/nmisim.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct counts {
    volatile unsigned long samples, weight;
};

static nmisim_interrupt* interrupt;
static unsigned long samples, weight;

/* In the signal handler; any thread, several at a time. */
static void sample(void* data, const struct nmisim_event* event)
{
    struct counts* const counts = data;
    __sync_fetch_and_add(&counts->samples, 1);
    __sync_fetch_and_add(&counts->weight, event->weight);
}

/* The numbers of a buffer that no handler uses any more. */
static void add_up(void* data)
{
    struct counts* const counts = data;
    samples += counts->samples;
    weight += counts->weight;
    free(counts);
}

/* A fresh buffer while the samples go on; 0 or an error of nmisim_strerror(). */
int sampler_swap(void)
{
    void* old = NULL;
    struct counts* const fresh = calloc(1, sizeof *fresh);
    int error = fresh == NULL ? ENOMEM : nmisim_swap(interrupt, sample, fresh, add_up, 1000000, &old);
    if (error == 0 && old != NULL)
        add_up(old);
    return error;
}

int sampler_start(unsigned hz)
{
    int error = nmisim_open(&interrupt, SIGPROF);
    if (error == 0)
        error = sampler_swap();
    if (error == 0)
        error = nmisim_attach_process(interrupt, hz, 0, NULL, NULL);
    return error;
}

unsigned long sampler_samples(void)
{
    struct nmisim_books books;
    return nmisim_read_books(interrupt, &books) == 0 ? books.timer_events : 0;
}

/* The last buffer goes with the close. */
int sampler_stop(void)
{
    const int error = nmisim_close(interrupt, 1000000);
    printf("sampler: %lu samples stand for %lu expirations\n", samples, weight);
    fflush(stdout);
    return error;
}

const char* sampler_strerror(int error)
{
    return nmisim_strerror(error);
}
