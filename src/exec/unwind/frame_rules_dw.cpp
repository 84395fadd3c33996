// SPDX-License-Identifier: MIT
#include "exec/unwind/frame_rules.hpp"

#include "explore/place/elf_file.hpp"

#include "own_machine.hpp" // profile/<cpu family>

#include <cstdlib>

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <sys/auxv.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

constexpr std::string_view vdso_name = "[vdso]";

int no_debug_file(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*, GElf_Word, char**)
{
    return -1;
}

const Dwfl_Callbacks cfi_callbacks{
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = no_debug_file,
    .section_address = dwfl_offline_section_address,
    .debuginfo_path = nullptr,
};

struct end_dwfl {
    void operator()(Dwfl* d) const noexcept { dwfl_end(d); }
};
struct free_frame {
    void operator()(Dwarf_Frame* f) const noexcept { std::free(f); }
};

/// The kernel maps the same one into each program: ours stands for it.
Dwfl_Module* report_own_vdso(Dwfl* d)
{
    const Dwarf_Addr start = getauxval(AT_SYSINFO_EHDR);
    constexpr Dwarf_Addr vdso_bytes = 8192;
    return start == 0 ? nullptr
                      : dwfl_report_module(d, ("[vdso: " + std::to_string(getpid()) + "]").c_str(), start,
                                           start + vdso_bytes);
}

bool translated(const Dwarf_Op& o, std::vector<frame_op>& to)
{
    using code = frame_op::code;
    const auto push = [&](code what, std::uint64_t number = 0) {
        to.push_back({what, static_cast<std::int64_t>(number)});
        return true;
    };
    const auto of_register = [&](std::uint64_t number, std::uint64_t offset) {
        if (number == own::dwarf_sp)
            return push(code::sp_plus, offset);
        if (number == own::dwarf_fp)
            return push(code::fp_plus, offset);
        return number == own::dwarf_ip && push(code::ip_plus, offset);
    };
    if (o.atom >= DW_OP_breg0 && o.atom <= DW_OP_breg31)
        return of_register(o.atom - DW_OP_breg0, o.number);
    if (o.atom >= DW_OP_lit0 && o.atom <= DW_OP_lit31)
        return push(code::number, o.atom - DW_OP_lit0);
    switch (o.atom) {
    case DW_OP_bregx: return of_register(o.number, o.number2);
    case DW_OP_call_frame_cfa: return push(code::frame);
    case DW_OP_const1u:
    case DW_OP_const1s:
    case DW_OP_const2u:
    case DW_OP_const2s:
    case DW_OP_const4u:
    case DW_OP_const4s:
    case DW_OP_const8u:
    case DW_OP_const8s:
    case DW_OP_constu:
    case DW_OP_consts: return push(code::number, o.number);
    case DW_OP_plus: return push(code::plus);
    case DW_OP_plus_uconst: return push(code::plus_number, o.number);
    case DW_OP_and: return push(code::both);
    case DW_OP_ge: return push(code::is_at_least);
    case DW_OP_shl: return push(code::shifted_left);
    case DW_OP_deref: return push(code::loaded);
    default: return false;
    }
}

bool translated(const Dwarf_Op* ops, std::size_t n, std::vector<frame_op>& to)
{
    for (std::size_t i = 0; i < n; ++i)
        if (!translated(ops[i], to))
            return false;
    return n != 0;
}

kept_register register_of(Dwarf_Frame* frame, int number, bool& undefined)
{
    Dwarf_Op memory[3];
    Dwarf_Op* ops = nullptr;
    std::size_t n = 0;
    kept_register to;
    undefined = false;
    if (dwarf_frame_register(frame, number, memory, &ops, &n) != 0)
        return to;
    if (n == 0) {
        undefined = ops != nullptr;
        to.is = ops == nullptr ? kept_register::how::same : kept_register::how::not_known;
        return to;
    }
    const bool computed = ops[n - 1].atom == DW_OP_stack_value;
    if (translated(ops, n - (computed ? 1 : 0), to.ops))
        to.is = computed ? kept_register::how::computed : kept_register::how::in_memory;
    return to;
}

frame_rule rule_of(Dwarf_Frame* frame)
{
    frame_rule to;
    Dwarf_Op* ops = nullptr;
    std::size_t n = 0;
    bool undefined = false;
    dwarf_frame_info(frame, nullptr, nullptr, &to.is_signal);
    to.ip = register_of(frame, own::dwarf_ip, undefined);
    to.is_outermost = undefined;
    to.fp = register_of(frame, own::dwarf_fp, undefined);
    to.known = dwarf_frame_cfa(frame, &ops, &n) == 0 && translated(ops, n, to.frame);
    using code = frame_op::code;
    constexpr std::int64_t word = sizeof(std::uintptr_t);
    const auto below = [](std::int64_t bytes) {
        return std::vector<frame_op>{{code::frame, 0}, {code::plus_number, -bytes}};
    };
    to.by_frame_pointer = to.known && !to.is_outermost &&
                          to.frame == std::vector<frame_op>{{code::fp_plus, 2 * word}} &&
                          to.ip.ops == below(word) && to.fp.ops == below(2 * word);
    return to;
}

} // namespace

struct frame_rules::file {
    explicit file(const std::string& path) : dwfl(dwfl_begin(&cfi_callbacks)), is_vdso(path == vdso_name)
    {
        if (!is_vdso)
            parts = explore::elf_file(path).parts(PT_LOAD);
        if (dwfl == nullptr || (parts.empty() && !is_vdso))
            return;
        Dwfl_Module* const m = is_vdso ? report_own_vdso(dwfl.get())
                                       : dwfl_report_offline(dwfl.get(), path.c_str(), path.c_str(), -1);
        dwfl_report_end(dwfl.get(), nullptr, nullptr);
        Dwarf_Addr bias = 0;
        cfi = m != nullptr ? dwfl_module_eh_cfi(m, &bias) : nullptr;
    }
    std::optional<std::uint64_t> address_of(std::uint64_t offset) const noexcept
    {
        return is_vdso ? std::optional{offset} : explore::address_in(parts, offset);
    }

    std::unique_ptr<Dwfl, end_dwfl> dwfl;
    bool is_vdso;
    std::vector<Elf64_Phdr> parts;
    Dwarf_CFI* cfi = nullptr; ///< the module's
    std::unordered_map<std::uint64_t, frame_rule> rules;
};

frame_rules::frame_rules() = default;
frame_rules::~frame_rules() = default;

bool frame_rules::are_read() noexcept
{
    return true;
}

const frame_rule& frame_rules::at(const std::string& path, std::uint64_t offset)
{
    std::unique_ptr<file>& f = files_[path];
    if (f == nullptr)
        f = std::make_unique<file>(path);
    const auto [rule, is_new] = f->rules.try_emplace(offset);
    if (!is_new || f->cfi == nullptr)
        return rule->second;
    Dwarf_Frame* frame = nullptr;
    const auto address = f->address_of(offset);
    if (address && dwarf_cfi_addrframe(f->cfi, *address, &frame) == 0) {
        const std::unique_ptr<Dwarf_Frame, free_frame> owned{frame};
        rule->second = rule_of(frame);
    }
    return rule->second;
}

} // namespace nmisim::exec
