// SPDX-License-Identifier: MIT
#include "exec/profile/tree_events.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

constexpr std::size_t ring_pages = 64;

std::size_t ring_page_bytes() noexcept
{
    return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

perf_event_attr tree_attributes() noexcept
{
    perf_event_attr attr{};
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_DUMMY;
    attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
    attr.inherit = 1;
    attr.exclude_kernel = 1;
    attr.exclude_hv = 1;
    attr.mmap = 1;
    attr.mmap2 = 1;
    attr.comm = 1;
    attr.comm_exec = 1;
    attr.task = 1;
    attr.sample_id_all = 1;
    attr.watermark = 1;
    attr.wakeup_watermark = 1;
    return attr;
}

/// Takes numbers and text from a record.
class record_reader {
public:
    record_reader(const unsigned char* at, std::size_t size) : at_(at), left_(size) {}
    template <class T>
    T next() noexcept
    {
        T value{};
        if (left_ >= sizeof value) {
            std::memcpy(&value, at_, sizeof value);
            at_ += sizeof value;
            left_ -= sizeof value;
        }
        return value;
    }
    std::string text() const
    {
        const auto* const begin = reinterpret_cast<const char*>(at_);
        return {begin, strnlen(begin, left_)};
    }

private:
    const unsigned char* at_;
    std::size_t left_;
};

bool decoded(const perf_event_header& header, const unsigned char* body, std::size_t size, tree_event& to)
{
    record_reader r(body, size);
    switch (header.type) {
    case PERF_RECORD_FORK:
    case PERF_RECORD_EXIT:
        to.kind = header.type == PERF_RECORD_FORK ? tree_event::kind::birth : tree_event::kind::end;
        to.pid = r.next<pid_t>();
        to.parent = r.next<pid_t>();
        to.tid = r.next<pid_t>();
        break;
    case PERF_RECORD_COMM:
        to.kind = (header.misc & PERF_RECORD_MISC_COMM_EXEC) != 0 ? tree_event::kind::executed
                                                                  : tree_event::kind::named;
        to.pid = r.next<pid_t>();
        to.tid = r.next<pid_t>();
        to.text = r.text();
        break;
    case PERF_RECORD_MMAP2:
        to.kind = tree_event::kind::mapped;
        to.pid = r.next<pid_t>();
        to.tid = r.next<pid_t>();
        to.start = r.next<std::uint64_t>();
        to.bytes = r.next<std::uint64_t>();
        to.offset = r.next<std::uint64_t>();
        r.next<std::uint64_t>(); // device
        r.next<std::uint64_t>(); // inode
        r.next<std::uint64_t>(); // its generation
        r.next<std::uint64_t>(); // protection and flags
        to.text = r.text();
        break;
    case PERF_RECORD_LOST:
        to.kind = tree_event::kind::lost;
        r.next<std::uint64_t>();
        to.lost = r.next<std::uint64_t>();
        break;
    default: return false;
    }
    return true;
}

} // namespace

tree_events::tree_events(pid_t command)
{
    perf_event_attr attr = tree_attributes();
    const long cpus = sysconf(_SC_NPROCESSORS_CONF);
    int error = 0;
    for (int cpu = 0; cpu < cpus; ++cpu) {
        const int fd =
            static_cast<int>(syscall(SYS_perf_event_open, &attr, command, cpu, -1, PERF_FLAG_FD_CLOEXEC));
        if (fd < 0) {
            error = errno == ENODEV ? error : errno; // a CPU that is off
            continue;
        }
        void* const ring =
            mmap(nullptr, (ring_pages + 1) * ring_page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (ring == MAP_FAILED) {
            error = errno;
            close(fd);
            continue;
        }
        fds_.push_back(fd);
        rings_.push_back(ring);
    }
    if (fds_.empty() || error != 0) {
        close_all();
        throw std::system_error(error, std::generic_category(), "perf_event_open");
    }
}

tree_events::~tree_events()
{
    close_all();
}

void tree_events::close_all() noexcept
{
    for (void* const ring : rings_)
        munmap(ring, (ring_pages + 1) * ring_page_bytes());
    for (const int fd : fds_)
        close(fd);
}

void tree_events::read(void* ring, std::vector<tree_event>& to)
{
    auto& page = *static_cast<perf_event_mmap_page*>(ring);
    const auto* const data = static_cast<const unsigned char*>(ring) + ring_page_bytes();
    const std::size_t size = ring_pages * ring_page_bytes();
    // (1) acquire: the records up to there; pairs with outside: perf_output_put_handle() in the kernel
    const std::uint64_t head = std::atomic_ref(page.data_head).load(std::memory_order_acquire);
    std::uint64_t tail = page.data_tail;
    std::vector<unsigned char> record;
    while (tail < head) {
        const auto copy = [&](void* into, std::uint64_t from, std::size_t n) {
            for (std::size_t i = 0; i < n; ++i)
                static_cast<unsigned char*>(into)[i] = data[(from + i) % size];
        };
        perf_event_header header{};
        copy(&header, tail, sizeof header);
        if (header.size < sizeof header)
            break;
        record.resize(header.size);
        copy(record.data(), tail, header.size);
        tail += header.size;
        // Behind each record: process and thread, and the time.
        constexpr std::size_t identity_bytes = 16;
        if (record.size() < sizeof header + identity_bytes)
            continue;
        tree_event e{};
        const std::size_t body = record.size() - sizeof header - identity_bytes;
        std::memcpy(&e.time, record.data() + record.size() - sizeof e.time, sizeof e.time);
        if (decoded(header, record.data() + sizeof header, body, e))
            to.push_back(std::move(e));
    }
    // (2) release: they have been read; pairs with outside: perf_output_begin() in the kernel
    std::atomic_ref(page.data_tail).store(head, std::memory_order_release);
}

std::vector<tree_event> tree_events::read()
{
    std::vector<tree_event> all;
    for (void* const ring : rings_)
        read(ring, all);
    std::stable_sort(all.begin(), all.end(),
                     [](const tree_event& a, const tree_event& b) { return a.time < b.time; });
    return all;
}

} // namespace nmisim::exec
