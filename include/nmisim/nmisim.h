/* SPDX-License-Identifier: MIT
 *
 * Interrupts for a program that exists, for C and for all that can call C: a signal whose handler can be swapped while
 * it fires. nmisim/interrupt.hpp says more, and is the same for C++.
 *
 * Functions answer 0, an errno (above 0), or one of the codes below. No exception leaves them.
 *
 * Context: control, which is any code that is not in a handler, unless a function says otherwise; "any" includes handlers.
 */
#ifndef NMISIM_H
#define NMISIM_H

#include <signal.h>
#include <sys/types.h>

#ifndef NMISIM_API
#define NMISIM_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum nmisim_code {
    NMISIM_TIMED_OUT = -1,            /* swap: published; the old data is released later, by the library */
    NMISIM_REFUSED_IN_INTERRUPT = -2, /* it would wait for itself */
    NMISIM_REFUSED_IN_CHILD = -3,     /* of _Fork() and the like */
    NMISIM_REFUSED_WITHOUT_DEADLINE = -4, /* this thread never attached */
    NMISIM_CLOSED = -5,
    NMISIM_COALESCED = -6, /* raise: one is pending on that thread already */
    NMISIM_NO_THREAD = -7,
    NMISIM_REJECTED = -8 /* the kernel's queue is full */
};

typedef struct nmisim_interrupt nmisim_interrupt;

struct nmisim_event {
    const siginfo_t* info;
    void* context;        /* a ucontext_t */
    unsigned long weight; /* 1, and the overruns of a timer */
    void* user;           /* of the thread's attachment */
    pid_t tid;            /* 0 where the thread never attached */
};

/* A handler: async-signal-safe, and it returns. */
typedef void nmisim_function(void* data, const struct nmisim_event* event);
typedef void nmisim_release(void* data);

struct nmisim_books {
    unsigned long raised, handled, dropped, coalesced, absorbed, echoes, rejected, no_thread;
    unsigned long unattached_raised, unattached_handled;
    unsigned long timer_events, expirations, expirations_dropped;
    unsigned long foreign_signals, foreign_ignored;
    unsigned long attached, blocked, replaced, timed_out, reclaimed, begun_unattached;
};

/* What attach_process came to. `later_ones`: threads that begin from now on attach too, as nmisim_thread_begins is called. */
struct nmisim_threads {
    unsigned long attached, already, ended, failed;
    int later_ones;
};

/* Handles are never freed: after close calls answer NMISIM_CLOSED, raise_all 0. A thread may still detach, the books be read,
 * and close be called again. */
NMISIM_API int nmisim_open(nmisim_interrupt** interrupt, int signo);
/* Of the calling thread. cpu_hz or wall_hz arms a timer; 0: none. The thread's end detaches as well. */
NMISIM_API int nmisim_attach(nmisim_interrupt* interrupt, unsigned cpu_hz, unsigned wall_hz, void* user);
/* All threads that are there, from outside: no code runs in them before their first event. The timer is each thread's own.
 * Answers the errno of the last thread that failed; EAGAIN: no timer was to be had. `threads` may be null. */
NMISIM_API int nmisim_attach_process(nmisim_interrupt* interrupt, unsigned cpu_hz, unsigned wall_hz,
                                     void* user, struct nmisim_threads* threads);
/* The calling thread attaches to each interrupt that attach_process was called for. For whoever starts threads, first
 * thing in each; the library nmisim-threads does it in every thread that pthread_create makes. */
NMISIM_API void nmisim_thread_begins(void);
/* Undoes one attach of the calling thread. With the last one the thread leaves, unless attach_process keeps it, and its timer
 * goes; what is pending is handled first, or booked as dropped where the thread blocks the signal. A thread does not leave in a
 * handler, but when it detaches outside of one. Context: any, on the thread itself. Errors: EINVAL where it is not attached. */
NMISIM_API int nmisim_detach(nmisim_interrupt* interrupt);
/* An event on one thread, attached or not. Context: any. Progress: one system call. Ordering: the handler sees what was stored
 * before. Errors: NMISIM_COALESCED, _NO_THREAD, _REJECTED, _CLOSED, _REFUSED_IN_CHILD. */
NMISIM_API int nmisim_raise(nmisim_interrupt* interrupt, pid_t tid);
/* On all attached threads; answers how many it was raised on. Context: any. */
NMISIM_API unsigned long nmisim_raise_all(nmisim_interrupt* interrupt);
/* Publishes function and data (null: none) and waits until no handler uses the old data, which comes back in *old_data
 * when the answer is 0. After NMISIM_TIMED_OUT the library calls the old data's `release`, once, when nobody uses it.
 * A timeout below 0 is none. Ordering: a handler that gets the new data sees all that was stored before; after 0 the caller
 * sees what handlers stored in the old data. */
NMISIM_API int nmisim_swap(nmisim_interrupt* interrupt, nmisim_function* function, void* data,
                           nmisim_release* release, long timeout_us, void** old_data);
/* Waits until what was raised on attached threads has been handled. A timeout below 0 is none. Ordering: after 0 the caller
 * sees what the handlers stored. Errors: NMISIM_TIMED_OUT, and the refusals of swap. */
NMISIM_API int nmisim_drain(nmisim_interrupt* interrupt, long timeout_us);
/* Fields as in nmisim/interrupt.hpp, interrupt_books. Reads /proc for each attached thread. Ordering: none; while events come
 * the numbers move. Errors: EINVAL for a null pointer. */
NMISIM_API int nmisim_read_books(nmisim_interrupt* interrupt, struct nmisim_books* books);
/* The data that is published is released. A timeout below 0 is none. In a handler it closes and does not wait. */
NMISIM_API int nmisim_close(nmisim_interrupt* interrupt, long timeout_us);
/* What an answer means, in a few words. Context: any for the codes above; control for an errno, which is strerror(3)'s to name.
 * Errors: "unknown" for what is neither. */
NMISIM_API const char* nmisim_strerror(int code);

#ifdef __cplusplus
}
#endif

#endif
