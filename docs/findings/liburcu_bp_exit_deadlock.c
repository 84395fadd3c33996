/* SPDX-License-Identifier: MIT
 *
 * liburcu-bp: a signal handler that reads deadlocks with the exit of the thread that it interrupts.
 *
 *     cc -O2 -g liburcu_bp_exit_deadlock.c -lurcu-bp -pthread && ./a.out
 *
 * The window is some ten nanoseconds wide, so the signal is sent inside it: this program's pthread_mutex_lock() is
 * found before libc's. It raises the signal after the first lock that the ending thread takes while signals are
 * unblocked. Exit status: 0 no deadlock, 1 deadlock.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <urcu/urcu-bp.h>

static int (*next_lock)(pthread_mutex_t *);
static volatile sig_atomic_t armed, raised, read_in_handler;

static void reader(int signo)
{
	(void)signo;
	urcu_bp_read_lock();
	urcu_bp_read_unlock();
	read_in_handler = 1;
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	sigset_t mask;
	int result = next_lock ? next_lock(mutex) : 0;

	if (armed && !pthread_sigmask(SIG_SETMASK, NULL, &mask) && !sigismember(&mask, SIGUSR1)) {
		armed = 0;
		raised = 1;
		pthread_kill(pthread_self(), SIGUSR1);
	}
	return result;
}

static void *ends(void *unused)
{
	urcu_bp_read_lock(); /* registers the thread */
	urcu_bp_read_unlock();
	armed = 1;
	return unused;
}

static void stuck(int signo)
{
	static const char text[] = "deadlock: the handler waits for init_lock, which the thread that it interrupted holds\n";

	(void)signo;
	_exit(write(STDOUT_FILENO, text, sizeof text - 1) < 0 ? 2 : 1);
}

int main(void)
{
	pthread_t thread;

	next_lock = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
	signal(SIGUSR1, reader);
	signal(SIGALRM, stuck);
	pthread_create(&thread, NULL, ends, NULL);
	alarm(2);
	pthread_join(thread, NULL);
	printf(read_in_handler ? "no deadlock\n" : "no signal was raised: %d\n", (int)raised);
	return read_in_handler ? 0 : 2;
}
