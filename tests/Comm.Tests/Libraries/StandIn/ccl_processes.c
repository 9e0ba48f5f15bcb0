/*
 * Stands in for NCCL or, compiled with -DONECCL, for oneCCL, between processes of one host, or threads: every pair of ranks
 * has a place in shared memory for one message each way. All is done when a call returns. Ranks that differ wait for ever, as
 * they would.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "library.h"

enum { MOST = 8, MOST_BYTES = 1 << 21 };

struct message { volatile unsigned sent, taken; size_t bytes; int kind; char data[MOST_BYTES]; };
struct shared { volatile int joined; struct message mail[MOST][MOST]; };
struct comm { struct shared *shared; int ranks, rank; volatile int ended; };
struct transfer { struct comm *comm; int is_send, peer; char *data; size_t bytes; };

static __thread int depth, count;
static __thread struct transfer batch[4 * MOST];

static size_t size_of(int type) { return type == 0 ? 1 : type == 4 ? 8 : type == 6 || type == 9 ? 2 : 4; }

static int wait_for(struct comm *c, volatile unsigned *number, unsigned value) {
    while (*number != value && !c->ended) usleep(50);
    __sync_synchronize();
    return c->ended ? 5 : 0;
}

static int post(struct comm *c, int peer, const void *data, size_t bytes, int kind) {
    struct message *m = &c->shared->mail[c->rank][peer];
    if (bytes > MOST_BYTES) return 4;
    if (wait_for(c, &m->taken, m->sent)) return 5;
    m->bytes = bytes;
    m->kind = kind;
    memcpy(m->data, data, bytes);
    __sync_synchronize();
    m->sent++;
    return 0;
}

static int take(struct comm *c, int peer, void *data, size_t bytes, int kind) {
    struct message *m = &c->shared->mail[peer][c->rank];
    if (wait_for(c, &m->sent, m->taken + 1)) return 5;
    while ((m->bytes != bytes || m->kind != kind) && !c->ended) usleep(50);
    if (c->ended) return 5;
    memcpy(data, m->data, bytes);
    __sync_synchronize();
    m->taken++;
    return 0;
}

int NAME(GetVersion)(int *version) {
#ifdef ONECCL
    *version = 220001;
#else
    *version = 22809;
#endif
    return 0;
}

int NAME(GetUniqueId)(id_t_ *id) {
    static int number;
    memset(id, 0, sizeof *id);
    snprintf(id->bytes, sizeof id->bytes, "/dev/shm/lean-standin-%d-%d", getpid(), __sync_add_and_fetch(&number, 1));
    return 0;
}

int NAME(CommInitRank)(void **comm, count_t ranks, id_t_ id, int rank) {
    int file = open(id.bytes, O_RDWR | O_CREAT, 0600);
    if (file < 0 || ftruncate(file, sizeof(struct shared))) return 2;
    struct comm *c = calloc(1, sizeof *c);
    *c = (struct comm){mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), (int)ranks, rank, 0};
    close(file);
    if (c->shared == MAP_FAILED) return 2;
    __sync_add_and_fetch(&c->shared->joined, 1);
    while (c->shared->joined < (int)ranks) usleep(50);
    if (rank == 0) unlink(id.bytes);
    *comm = c;
    return 0;
}

#ifdef ONECCL
int onecclSetDevice(uint32_t device) { return device > 64; }
#else
int ncclCommAbort(void *comm) {
    ((struct comm *)comm)->ended = 1;
    return 0;
}
int ncclCommGetAsyncError(void *comm, int *state) {
    *state = ((struct comm *)comm)->ended ? 6 : 0;
    return 0;
}
#endif

int NAME(CommDestroy)(void *comm) { return ((struct comm *)comm)->ended; }
const char *NAME(GetErrorString)(int code) { return code == 5 ? "invalid usage" : "some error"; }
const char *NAME(GetLastError)(void *comm) { return comm ? "it was ended" : ""; }

static void add(int type, char *sum, const char *part, size_t elements) {
    for (size_t i = 0; i < elements; i++) switch (type) {
        case 2: ((uint32_t *)sum)[i] += ((const uint32_t *)part)[i]; break;
        case 4: ((uint64_t *)sum)[i] += ((const uint64_t *)part)[i]; break;
        case 7: ((float *)sum)[i] += ((const float *)part)[i]; break;
        case 6: ((_Float16 *)sum)[i] = (_Float16)((float)((_Float16 *)sum)[i] + (float)((const _Float16 *)part)[i]); break;
        default: {
            uint32_t x = (uint32_t)((uint16_t *)sum)[i] << 16, y = (uint32_t)((const uint16_t *)part)[i] << 16;
            float a, b;
            memcpy(&a, &x, 4);
            memcpy(&b, &y, 4);
            a += b;
            memcpy(&x, &a, 4);
            ((uint16_t *)sum)[i] = (uint16_t)((x + 0x7fff + ((x >> 16) & 1)) >> 16);
        }
    }
}

/* What every rank gives every rank, then what becomes of it: parts are gathered, or added backwards. */
static int exchange(struct comm *c, const char *send, size_t stride, size_t bytes, char *receive, int type, int sums, int kind) {
    char *all = malloc(c->ranks * bytes + 1);
    int code = 0;
    for (int r = 0; r < c->ranks && !code; r++)
        if (r != c->rank) code = post(c, r, send + r * stride, bytes, kind);
        else memcpy(all + r * bytes, send + r * stride, bytes);
    for (int r = 0; r < c->ranks && !code; r++)
        if (r != c->rank) code = take(c, r, all + r * bytes, bytes, kind);
    if (!code && sums) {
        memcpy(receive, all + (c->ranks - 1) * bytes, bytes);
        for (int r = c->ranks - 2; r >= 0; r--) add(type, receive, all + r * bytes, bytes / size_of(type));
    } else if (!code) memcpy(receive, all, c->ranks * bytes);
    free(all);
    return code;
}

int NAME(AllReduce)(const void *send, void *receive, size_t elements, int type, int op, void *comm, void *stream) {
    return op || (stream && sizeof(id_t_) > 128) ? 4 : exchange(comm, send, 0, elements * size_of(type), receive, type, 1, 1);
}
int NAME(AllGather)(const void *send, void *receive, size_t elements, int type, void *comm, void *stream) {
    (void)stream;
    return exchange(comm, send, 0, elements * size_of(type), receive, type, 0, 2);
}
int NAME(ReduceScatter)(const void *send, void *receive, size_t elements, int type, int op, void *comm, void *stream) {
    (void)stream;
    return op ? 4 : exchange(comm, send, elements * size_of(type), elements * size_of(type), receive, type, 1, 3);
}
int NAME(Broadcast)(const void *send, void *receive, size_t elements, int type, int root, void *comm, void *stream) {
    struct comm *c = comm;
    size_t bytes = elements * size_of(type);
    int code = 0;
    (void)stream;
    for (int r = 0; r < c->ranks && c->rank == root && !code; r++)
        if (r != root) code = post(c, r, send, bytes, 4);
    return c->rank == root ? code : take(c, root, receive, bytes, 4);
}

static int flush(void) {
    int code = 0, transfers = count;
    count = 0;
    for (int i = 0; i < transfers && !code; i++)
        if (batch[i].is_send) code = post(batch[i].comm, batch[i].peer, batch[i].data, batch[i].bytes, 5);
    for (int i = 0; i < transfers && !code; i++)
        if (!batch[i].is_send) code = take(batch[i].comm, batch[i].peer, batch[i].data, batch[i].bytes, 5);
    return code;
}

static int transfer(struct transfer t) {
    batch[count++] = t;
    return depth ? 0 : flush();
}

int NAME(Send)(const void *data, size_t elements, int type, int peer, void *comm, void *stream) {
    (void)stream;
    return transfer((struct transfer){comm, 1, peer, (char *)data, elements * size_of(type)});
}
int NAME(Recv)(void *data, size_t elements, int type, int peer, void *comm, void *stream) {
    (void)stream;
    return transfer((struct transfer){comm, 0, peer, data, elements * size_of(type)});
}
int NAME(GroupStart)(void) {
    depth++;
    return 0;
}
int NAME(GroupEnd)(void) { return --depth == 0 ? flush() : 0; }
