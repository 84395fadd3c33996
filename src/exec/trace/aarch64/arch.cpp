// SPDX-License-Identifier: MIT
#include "exec/trace/arch.hpp"

namespace nmisim::exec {

const char* arch_absent() noexcept
{
    return "exec traces programs on x86-64 alone";
}

bool read_registers(pid_t /*tid*/, saved_registers& /*to*/) noexcept
{
    return false;
}

bool write_registers(pid_t /*tid*/, const saved_registers& /*from*/) noexcept
{
    return false;
}

interrupted interrupted_by(const saved_registers& /*r*/) noexcept
{
    return {};
}

void move_to(saved_registers& /*r*/, std::uintptr_t /*ip*/) noexcept {}

void set_call(saved_registers& /*r*/, long /*nr*/, const std::array<std::uint64_t, 6>& /*arg*/) noexcept {}

void skip_call(saved_registers& /*r*/, long /*result*/) noexcept {}

void set_argument(saved_registers& /*r*/, int /*index*/, std::uint64_t /*value*/) noexcept {}

long call_made_by(const saved_registers& /*r*/, std::uint64_t /*code*/) noexcept
{
    return -1;
}

bool is_atomic(std::uint64_t /*code*/) noexcept
{
    return false;
}

entered_handler handler_entered(pid_t /*tid*/, const saved_registers& /*r*/) noexcept
{
    return {};
}

std::uint64_t with_breakpoint(std::uint64_t code) noexcept
{
    return code;
}

std::uint64_t without_breakpoint(std::uint64_t now, std::uint64_t /*before*/) noexcept
{
    return now;
}

std::uintptr_t breakpoint_behind(const saved_registers& /*r*/) noexcept
{
    return 0;
}

std::uintptr_t returns_to(pid_t /*tid*/, std::uintptr_t /*sp*/) noexcept
{
    return 0;
}

std::uintptr_t thread_pointer(const saved_registers& /*r*/) noexcept
{
    return 0;
}

std::span<const std::uint64_t> system_call_code() noexcept
{
    return {};
}

stub stub_at(std::uintptr_t /*page*/, bool /*restart*/) noexcept
{
    return {};
}

std::uint32_t audit_arch() noexcept
{
    return 0;
}

} // namespace nmisim::exec
