// SPDX-License-Identifier: MIT
//
// A libuv server on loopback that answers each line with its sum, computed on libuv's own threads, and a client.
#include "sampled.hpp"

#include <arpa/inet.h>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

namespace {

constexpr int requests = 300;

struct server {
    uv_loop_t loop;
    uv_tcp_t socket;
    uv_tcp_t peer;
    int port = 0;
};

struct request {
    uv_work_t work;
    uv_write_t write;
    server* self;
    std::uint64_t number, answer;
};

std::uint64_t answer_to(std::uint64_t number)
{
    for (int n = 0; n < 20'000; ++n)
        number = number * 6364136223846793005U + 1442695040888963407U;
    return number;
}

void compute(uv_work_t* work)
{
    auto* const r = static_cast<request*>(work->data);
    r->answer = answer_to(r->number);
}

void send(uv_work_t* work, int)
{
    auto* const r = static_cast<request*>(work->data);
    r->write.data = r;
    const uv_buf_t bytes = uv_buf_init(reinterpret_cast<char*>(&r->answer), sizeof r->answer);
    uv_write(&r->write, reinterpret_cast<uv_stream_t*>(&r->self->peer), &bytes, 1,
             [](uv_write_t* w, int) { delete static_cast<request*>(w->data); });
}

void on_bytes(uv_stream_t* stream, ssize_t n, const uv_buf_t* bytes)
{
    auto* const self = static_cast<server*>(stream->data);
    if (n < 0) { // the client has gone
        uv_close(reinterpret_cast<uv_handle_t*>(&self->peer), nullptr);
        uv_close(reinterpret_cast<uv_handle_t*>(&self->socket), nullptr);
    } else if (n == sizeof(std::uint64_t)) { // one at a time: the client waits for each answer
        auto* const r = new request{};
        r->self = self;
        r->work.data = r;
        std::memcpy(&r->number, bytes->base, sizeof r->number);
        uv_queue_work(&self->loop, &r->work, compute, send);
    }
    std::free(bytes->base);
}

void on_client(uv_stream_t* socket, int)
{
    auto* const self = static_cast<server*>(socket->data);
    uv_tcp_init(&self->loop, &self->peer);
    self->peer.data = self;
    uv_accept(socket, reinterpret_cast<uv_stream_t*>(&self->peer));
    uv_read_start(
        reinterpret_cast<uv_stream_t*>(&self->peer),
        [](uv_handle_t*, std::size_t size, uv_buf_t* to) {
            *to = uv_buf_init(static_cast<char*>(std::malloc(size)), static_cast<unsigned>(size));
        },
        on_bytes);
}

bool listen_on_loopback(server& self)
{
    uv_loop_init(&self.loop);
    uv_tcp_init(&self.loop, &self.socket);
    self.socket.data = &self;
    sockaddr_in any{};
    uv_ip4_addr("127.0.0.1", 0, &any);
    uv_tcp_bind(&self.socket, reinterpret_cast<const sockaddr*>(&any), 0);
    int length = sizeof any;
    const bool listens = uv_listen(reinterpret_cast<uv_stream_t*>(&self.socket), 8, on_client) == 0;
    uv_tcp_getsockname(&self.socket, reinterpret_cast<sockaddr*>(&any), &length);
    self.port = ntohs(any.sin_port);
    return listens;
}

/// The sum of all answers; -1 if one is missing or wrong.
std::uint64_t ask(int port)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    uv_ip4_addr("127.0.0.1", port, &to);
    std::uint64_t sum = 0;
    bool good = connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    for (std::uint64_t n = 0; good && n < requests; ++n) {
        std::uint64_t answer = 0;
        good = ::write(fd, &n, sizeof n) == sizeof n &&
               recv(fd, &answer, sizeof answer, MSG_WAITALL) == sizeof answer && answer == answer_to(n);
        sum += answer;
    }
    close(fd);
    return good ? sum : ~std::uint64_t{0};
}

std::uint64_t work()
{
    server self;
    if (!listen_on_loopback(self))
        return 0;
    std::thread loop([&] { uv_run(&self.loop, UV_RUN_DEFAULT); });
    const std::uint64_t sum = ask(self.port);
    loop.join();
    uv_loop_close(&self.loop);
    return sum;
}

} // namespace

int main()
{
    if (!nmisim::test::say(work() != ~std::uint64_t{0}, "the server answers"))
        return 1;
    return nmisim::test::sampled(work);
}
