/* An SSH server on libssh that costs a millisecond of CPU a connection: many hosts in one process, so that a client is
   what is measured. It runs nothing: true, echo WORDS, flood BYTES, stderr BYTES, sleep SECONDS are all it knows.

   fleet HOSTKEY OTHERKEY PUBLICKEY PORT NET GOOD BAD
   listens on NET.0.1 to NET.0.GOOD, and for each kind of bad host on NET.KIND.1 to NET.KIND.BAD (NET as in 127.10). */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum kind { GOOD, SILENT, TARPIT, BANNER, RESET, NO_AUTH, NO_CHANNEL, NO_EXEC, FROZEN, LOST, DENIED, OTHER_KEY, NO_SYN, KINDS };

#define PIECE 32768
#define MOST_CHANNELS 64
#define LISTENERS 1024

struct work {
    ssh_channel channel;
    struct ssh_channel_callbacks_struct callbacks;
    struct host *host;
    int asked, errors, sleeps;
    long left;
    double until;
    char echo[512];
};

struct host {
    int fd;
    enum kind kind;
    ssh_session session;
    int let_in;
    struct work *works[MOST_CHANNELS];
};

static ssh_bind binding, other_binding;
static ssh_key accepted;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[PIECE]; /* of 63 letters each */

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void die(const char *what) {
    fprintf(stderr, "fleet: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Says nothing and reads nothing until the other side goes away. */
static void freeze(int fd) {
    struct pollfd polled = {.fd = fd, .events = POLLRDHUP};
    poll(&polled, 1, 120000);
}

static void reset(int fd) {
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static int on_key(ssh_session session, const char *user, struct ssh_key_struct *key, char state, void *data) {
    struct host *host = data;
    if (host->kind == DENIED || ssh_key_cmp(key, accepted, SSH_KEY_CMP_PUBLIC)) return SSH_AUTH_DENIED;
    if (state == SSH_PUBLICKEY_STATE_VALID) host->let_in = 1;
    else if (state != SSH_PUBLICKEY_STATE_NONE) return SSH_AUTH_DENIED;
    return SSH_AUTH_SUCCESS;
}

static int on_exec(ssh_session session, ssh_channel channel, const char *command, void *data) {
    struct work *work = data;
    if (work->host->kind == NO_EXEC) {
        freeze(work->host->fd);
        return SSH_ERROR;
    }
    work->asked = 1;
    if (!strncmp(command, "flood ", 6)) work->left = atol(command + 6);
    else if (!strncmp(command, "stderr ", 7)) work->errors = 1, work->left = atol(command + 7);
    else if (!strncmp(command, "sleep ", 6)) work->sleeps = 1, work->until = now() + atof(command + 6);
    else if (!strncmp(command, "echo ", 5)) snprintf(work->echo, sizeof work->echo, "%s\n", command + 5);
    else if (strcmp(command, "true")) {
        fprintf(stderr, "fleet: no such command: %.200s\n", command);
        return SSH_ERROR;
    }
    return SSH_OK;
}

static void on_signal(ssh_session session, ssh_channel channel, const char *name, void *data) {
    struct work *work = data;
    if (!work->sleeps) return;
    ssh_channel_request_send_exit_signal(channel, name, 0, "", "");
    work->sleeps = 0, work->asked = 2;
}

static void on_close(ssh_session session, ssh_channel channel, void *data) {
    struct work *work = data;
    work->asked = 3;
}

static ssh_channel on_open(ssh_session session, void *data) {
    struct host *host = data;
    if (!host->let_in) return NULL;
    if (host->kind == NO_CHANNEL) {
        freeze(host->fd);
        return NULL;
    }
    for (int i = 0; i < MOST_CHANNELS; i++) {
        if (host->works[i]) continue;
        struct work *work = calloc(1, sizeof *work);
        work->host = host;
        work->channel = ssh_channel_new(session);
        work->callbacks.userdata = work;
        work->callbacks.channel_exec_request_function = on_exec;
        work->callbacks.channel_signal_function = on_signal;
        work->callbacks.channel_close_function = on_close;
        ssh_callbacks_init(&work->callbacks);
        ssh_set_channel_callbacks(work->channel, &work->callbacks);
        host->works[i] = work;
        return work->channel;
    }
    return NULL;
}

/* Writes as much as the other side takes. Returns how long this command can wait, in ms; -1 is for ever; -2: it is over. */
static int go_on(struct work *work) {
    if (work->asked == 3) return -2;
    if (!work->asked) return -1;
    if (work->asked == 1) {
        if (work->host->kind == FROZEN) freeze(work->host->fd);
        if (work->host->kind == LOST) {
            ssh_channel_write(work->channel, "half", 4);
            reset(work->host->fd);
        }
        if (work->host->kind == FROZEN || work->host->kind == LOST) return -3;
        while (work->left > 0) {
            long room = ssh_channel_window_size(work->channel), size = work->left < PIECE ? work->left : PIECE;
            if (room <= 0) return -1;
            if (size > room) size = room;
            int sent = work->errors ? ssh_channel_write_stderr(work->channel, lines, size)
                                    : ssh_channel_write(work->channel, lines, size);
            if (sent < 0) return -2;
            work->left -= sent;
        }
        if (work->sleeps && now() < work->until) return (int)((work->until - now()) * 1000) + 1;
        if (work->echo[0]) ssh_channel_write(work->channel, work->echo, strlen(work->echo));
        ssh_channel_request_send_exit_status(work->channel, 0);
    }
    ssh_channel_send_eof(work->channel);
    ssh_channel_close(work->channel);
    return -2;
}

static void serve(struct host *host) {
    struct ssh_server_callbacks_struct callbacks = {
        .userdata = host, .auth_pubkey_function = on_key, .channel_open_request_session_function = on_open};
    ssh_callbacks_init(&callbacks);
    ssh_set_server_callbacks(host->session, &callbacks);
    ssh_set_auth_methods(host->session, SSH_AUTH_METHOD_PUBLICKEY);
    if (ssh_handle_key_exchange(host->session) != SSH_OK) return;
    if (host->kind == NO_AUTH) {
        freeze(host->fd);
        return;
    }
    ssh_event event = ssh_event_new();
    ssh_event_add_session(event, host->session);
    int wait = -1, gone = 0;
    while (!gone) {
        if (ssh_event_dopoll(event, wait) == SSH_ERROR) break;
        if (ssh_get_status(host->session) & (SSH_CLOSED | SSH_CLOSED_ERROR)) break;
        wait = -1;
        for (int i = 0; i < MOST_CHANNELS; i++) {
            if (!host->works[i]) continue;
            int next = go_on(host->works[i]);
            if (next == -3) gone = 1;
            if (next == -2) {
                ssh_remove_channel_callbacks(host->works[i]->channel, &host->works[i]->callbacks);
                ssh_channel_free(host->works[i]->channel);
                free(host->works[i]);
                host->works[i] = NULL;
            }
            if (next >= 0 && (wait < 0 || next < wait)) wait = next;
        }
    }
    ssh_event_remove_session(event, host->session);
    ssh_event_free(event);
}

static void *meet(void *data) {
    struct host *host = data;
    int one = 1, ssh = 0;
    setsockopt(host->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    switch (host->kind) {
    case SILENT: freeze(host->fd); break;
    case TARPIT:
        while (send(host->fd, "wait a little\r\n", 15, MSG_NOSIGNAL) > 0) usleep(100000);
        break;
    case BANNER:
        if (send(host->fd, "SSH-2.0-OpenSSH_9.2p1\r\n", 23, MSG_NOSIGNAL) > 0) freeze(host->fd);
        break;
    case RESET: reset(host->fd); break;
    default: ssh = 1;
    }
    if (!ssh) close(host->fd);
    else {
        host->session = ssh_new();
        pthread_mutex_lock(&lock);
        int taken = ssh_bind_accept_fd(host->kind == OTHER_KEY ? other_binding : binding, host->session, host->fd);
        pthread_mutex_unlock(&lock);
        if (taken == SSH_OK) serve(host);
        ssh_disconnect(host->session);
        ssh_free(host->session);
        for (int i = 0; i < MOST_CHANNELS; i++) free(host->works[i]);
    }
    free(host);
    return NULL;
}

static int listen_at(const char *address, int port, enum kind kind) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, address, &at.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, kind == NO_SYN ? 0 : 128)) die(address);
    if (kind == NO_SYN) /* one connection fills the queue: from then on the kernel drops what comes */
        for (int i = 0; i < 3; i++) {
            int filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            if (connect(filler, (struct sockaddr *)&at, sizeof at) && errno != EINPROGRESS) die("filling a queue");
        }
    return fd;
}

static ssh_bind bound(const char *key) {
    ssh_bind made = ssh_bind_new();
    int no = 0;
    ssh_bind_options_set(made, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);
    if (ssh_bind_options_set(made, SSH_BIND_OPTIONS_HOSTKEY, key) != SSH_OK) die(key);
    return made;
}

int main(int argc, char **argv) {
    if (argc != 8) return fprintf(stderr, "usage: fleet HOSTKEY OTHERKEY PUBLICKEY PORT NET GOOD BAD\n"), 2;
    static enum kind kinds[65536];
    struct rlimit most;
    getrlimit(RLIMIT_NOFILE, &most);
    most.rlim_cur = most.rlim_max < 60000 ? most.rlim_max : 60000;
    setrlimit(RLIMIT_NOFILE, &most);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < PIECE; i++) lines[i] = i % 64 == 63 ? '\n' : 'x';
    ssh_init();
    binding = bound(argv[1]), other_binding = bound(argv[2]);
    if (ssh_pki_import_pubkey_file(argv[3], &accepted) != SSH_OK) die(argv[3]);
    int events = epoll_create1(EPOLL_CLOEXEC);
    for (enum kind kind = GOOD; kind < KINDS; kind++)
        for (int i = 1; i <= atoi(argv[kind == GOOD ? 6 : 7]); i++) {
            char address[32];
            snprintf(address, sizeof address, "%s.%d.%d", argv[5], kind, i);
            int fd = listen_at(address, atoi(argv[4]), kind);
            kinds[fd] = kind;
            struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
            if (kind != NO_SYN && epoll_ctl(events, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
        }
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event ready[64];
        int count = epoll_wait(events, ready, 64, -1);
        for (int i = 0; i < count; i++) {
            int fd = accept4(ready[i].data.fd, NULL, NULL, SOCK_CLOEXEC);
            if (fd < 0) continue;
            struct host *host = calloc(1, sizeof *host);
            host->fd = fd, host->kind = kinds[ready[i].data.fd];
            pthread_t thread;
            if (pthread_create(&thread, &small, meet, host)) die("pthread_create");
        }
    }
}
