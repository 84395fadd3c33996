// SPDX-License-Identifier: MIT
//
// What the shared libraries export: everything else in them is hidden, so that calls inside of them are direct
// and no other library's symbol can take their place.
#pragma once

#define NMISIM_API __attribute__((visibility("default")))
