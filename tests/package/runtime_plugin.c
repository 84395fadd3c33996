/* SPDX-License-Identifier: MIT */
/* The runtime library's C face, in C89: a plugin, for hosts that know nothing of it; with MAIN a program. */
#include <nmisim/nmisim.h>

#include <stdio.h>
#include <unistd.h>

static void count(void* data, const struct nmisim_event* event)
{
    ++*(volatile unsigned long*)data;
    (void)event;
}

int run(void)
{
    nmisim_interrupt* interrupt = NULL;
    struct nmisim_books books;
    unsigned long calls = 0;
    void* old = NULL;
    int i;
    int failed = nmisim_open(&interrupt, SIGPROF);
    if (failed == 0)
        failed = nmisim_attach(interrupt, 0, 0, NULL);
    if (failed == 0)
        failed = nmisim_swap(interrupt, count, &calls, NULL, 1000000, NULL);
    for (i = 0; failed == 0 && i < 100; ++i)
        failed = nmisim_raise(interrupt, getpid());
    if (failed == 0)
        failed = nmisim_drain(interrupt, -1);
    if (failed == 0)
        failed = nmisim_swap(interrupt, NULL, NULL, NULL, -1, &old);
    if (failed != 0 || old != &calls || nmisim_read_books(interrupt, &books) != 0) {
        printf("failed: %s\n", nmisim_strerror(failed));
        return 1;
    }
    printf("%lu calls, %lu handled\n", calls, books.handled);
    if (nmisim_close(interrupt, 1000000) != 0 || nmisim_raise(interrupt, getpid()) != NMISIM_CLOSED)
        printf("not closed\n");
    printf("detached: %s\n", nmisim_strerror(nmisim_detach(interrupt)));
    fflush(stdout);
    return 0;
}

#ifdef MAIN
int main(void)
{
    return run();
}
#endif
