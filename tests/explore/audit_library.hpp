// SPDX-License-Identifier: MIT
//
// A user's library, for the audit: what its functions do can be seen only by looking beyond the handler's own object.
// Built three times: bound now, bound lazily, and with calls that go through a slot (-fno-plt).
#pragma once

struct audit_library {
    void (*takes_from_a_pool)();
    void (*allocates)();
    void (*allocates_by_a_jump)();
    void (*allocates_by_a_pointer)();
    void (*allocates_by_another_name)();
    void (*duplicates)();
    void (*locks)();
    void (*throws)();
    void (*writes)();
};

extern const audit_library library_now;
extern const audit_library library_lazy;
extern const audit_library library_no_plt;
