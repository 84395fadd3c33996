// SPDX-License-Identifier: MIT
//
// Marks what the shared libraries export. Everything else is hidden, so calls inside a library are direct, and no other
// library's symbol can replace their targets.
#pragma once

#define NMISIM_API __attribute__((visibility("default")))
