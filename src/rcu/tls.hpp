// SPDX-License-Identifier: MIT
//
// Comes before every <urcu/...> header. liburcu 0.13 declares its reader state `thread_local` in C++, so that
// each access runs through a guard ("is there a dynamic initialiser?") of five tests and branches; from 0.14
// on it is `__thread`. This makes it `__thread` on every version. Inlining the read side (_LGPL_SOURCE) keeps
// the access initial-exec in an executable: no call into the loader from an NMI.
#pragma once

#define _LGPL_SOURCE 1

#include <urcu/config.h>
#ifndef CONFIG_RCU_TLS
#error "this liburcu emulates TLS with a mutex and calloc: its readers cannot run in NMI context"
#endif

#include <urcu/tls-compat.h>
#ifdef URCU_TLS_STORAGE_CLASS
#undef URCU_TLS_STORAGE_CLASS
#define URCU_TLS_STORAGE_CLASS __thread
#endif
