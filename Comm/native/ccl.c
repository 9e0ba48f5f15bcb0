/*
 * NCCL and oneCCL. oneCCL's C interface (2022 and later) has NCCL's shape, names with another prefix, the same numbers for
 * types and operations, and these differences: an id of 4096 bytes instead of 128 (both by value), the number of ranks as
 * size_t, a device that is set first, and neither abort nor asynchronous errors. One table serves both.
 */
#include "common.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NVLINK_MULTICAST "NCCL_NVLS_ENABLE"

enum { NCCL_ID = 128, ONECCL_ID = 4096, NCCL_IN_PROGRESS = 7 };

typedef struct { char bytes[NCCL_ID]; } nccl_id;
typedef struct { char bytes[ONECCL_ID]; } oneccl_id;

struct lean_comm_ccl {
    int kind;
    const char *name;
    void *library;
    int (*get_version)(int *);
    int (*get_unique_id)(void *);
    union {
        int (*nccl)(void **, int, nccl_id, int);
        int (*oneccl)(void **, size_t, oneccl_id, int);
        void *any;
    } comm_init_rank;
    int (*set_device)(uint32_t);
    int (*comm_destroy)(void *);
    int (*comm_abort)(void *);
    int (*comm_get_async_error)(void *, int *);
    const char *(*get_error_string)(int);
    const char *(*get_last_error)(void *);
    int (*all_reduce)(const void *, void *, size_t, int, int, void *, void *);
    int (*all_gather)(const void *, void *, size_t, int, void *, void *);
    int (*reduce_scatter)(const void *, void *, size_t, int, int, void *, void *);
    int (*broadcast)(const void *, void *, size_t, int, int, void *, void *);
    int (*send)(const void *, size_t, int, int, void *, void *);
    int (*receive)(void *, size_t, int, int, void *, void *);
    int (*group_start)(void);
    int (*group_end)(void);
};

/* It outlives an abort, which comes while another thread may be inside a call. */
struct lean_comm_group {
    struct lean_comm_ccl *library;
    void *comm;
    volatile int aborted;
};

static int failed(struct lean_comm_ccl *library, void *comm, const char *what, int error) {
    const char *text = library->get_error_string(error), *detail = library->get_last_error(comm);
    return lean_comm_fail(LEAN_COMM_FAILED, "%s%s failed: %s (%d)%s%s", library->kind == LEAN_COMM_NCCL ? "nccl" : "oneccl", what,
                          text ? text : "unknown error", error, detail && *detail ? ": " : "", detail ? detail : "");
}

static int failed_by_abort(void) { return lean_comm_fail(LEAN_COMM_FAILED, "the group was aborted"); }

/* Missing functions of the table are errors, except those that only one library has. */
static int fill(struct lean_comm_ccl *c) {
    const struct { const char *name; void **place; int only; } functions[] = {
        {"GetVersion", (void **)&c->get_version, -1},
        {"GetUniqueId", (void **)&c->get_unique_id, -1},
        {"CommInitRank", &c->comm_init_rank.any, -1},
        {"SetDevice", (void **)&c->set_device, LEAN_COMM_ONECCL},
        {"CommDestroy", (void **)&c->comm_destroy, -1},
        {"CommAbort", (void **)&c->comm_abort, LEAN_COMM_NCCL},
        {"CommGetAsyncError", (void **)&c->comm_get_async_error, LEAN_COMM_NCCL},
        {"GetErrorString", (void **)&c->get_error_string, -1},
        {"GetLastError", (void **)&c->get_last_error, -1},
        {"AllReduce", (void **)&c->all_reduce, -1},
        {"AllGather", (void **)&c->all_gather, -1},
        {"ReduceScatter", (void **)&c->reduce_scatter, -1},
        {"Broadcast", (void **)&c->broadcast, -1},
        {"Send", (void **)&c->send, -1},
        {"Recv", (void **)&c->receive, -1},
        {"GroupStart", (void **)&c->group_start, -1},
        {"GroupEnd", (void **)&c->group_end, -1},
    };
    char name[64];
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (functions[i].only >= 0 && functions[i].only != c->kind) continue;
        snprintf(name, sizeof name, "%s%s", c->kind == LEAN_COMM_NCCL ? "nccl" : "oneccl", functions[i].name);
        if (!(*functions[i].place = lean_comm_find(c->library, name, c->name))) return LEAN_COMM_MISSING;
    }
    return LEAN_COMM_OK;
}

int lean_comm_ccl_open(int kind, const char *file, lean_comm_ccl **library) {
    *library = NULL;
    if (kind != LEAN_COMM_NCCL && kind != LEAN_COMM_ONECCL) return lean_comm_fail(LEAN_COMM_INVALID, "there is no library of kind %d", kind);
    struct lean_comm_ccl *c = calloc(1, sizeof *c);
    if (!c) return lean_comm_fail(LEAN_COMM_FAILED, "not enough memory");
    c->kind = kind;
    c->name = kind == LEAN_COMM_NCCL ? "NCCL (libnccl.so.2)" : "oneCCL (libccl.so.2)";
    /* Multicast reserves memory on every card and has hung where a driver or a fabric manager was not ready for it. */
    if (kind == LEAN_COMM_NCCL) setenv(NVLINK_MULTICAST, "0", 0);
    const char *usual = kind == LEAN_COMM_NCCL ? "libnccl.so.2" : "libccl.so.2 libccl.so.1 libccl.so";
    c->library = lean_comm_load(file ? file : usual, c->name);
    int code = c->library ? fill(c) : LEAN_COMM_MISSING;
    if (code == LEAN_COMM_OK) {
        *library = c;
    } else {
        if (c->library) dlclose(c->library);
        free(c);
    }
    return code;
}

int lean_comm_ccl_describe(lean_comm_ccl *c, char *text, size_t capacity) {
    int version = 0, error = c->get_version(&version);
    if (error) return failed(c, NULL, "GetVersion", error);
    /* Both count major * 10000 + minor * 100 + patch since their present numbering. */
    int length = snprintf(text, capacity, "%s %d.%d.%d", c->kind == LEAN_COMM_NCCL ? "NCCL" : "oneCCL", version / 10000, version / 100 % 100, version % 100);
    if (c->kind == LEAN_COMM_NCCL && length > 0 && (size_t)length < capacity) {
        const char *multicast = getenv(NVLINK_MULTICAST);
        if (!multicast || strcmp(multicast, "0") == 0) snprintf(text + length, capacity - length, ", NVLink multicast off");
        else snprintf(text + length, capacity - length, ", NVLink multicast by " NVLINK_MULTICAST "=%.20s", multicast);
    }
    return LEAN_COMM_OK;
}

int lean_comm_ccl_id_size(lean_comm_ccl *c, size_t *bytes) {
    *bytes = c->kind == LEAN_COMM_NCCL ? NCCL_ID : ONECCL_ID;
    return LEAN_COMM_OK;
}

static int check_id(lean_comm_ccl *c, size_t bytes) {
    size_t expected;
    lean_comm_ccl_id_size(c, &expected);
    return bytes == expected ? LEAN_COMM_OK : lean_comm_fail(LEAN_COMM_INVALID, "an id of %zu bytes for %s, expected %zu", bytes, c->name, expected);
}

int lean_comm_ccl_id(lean_comm_ccl *c, void *id, size_t bytes) {
    int error = check_id(c, bytes);
    if (error) return error;
    error = c->get_unique_id(id);
    return error ? failed(c, NULL, "GetUniqueId", error) : LEAN_COMM_OK;
}

int lean_comm_ccl_join(lean_comm_ccl *c, const void *id, size_t bytes, int ranks, int rank, uint32_t device, lean_comm_group **group) {
    *group = NULL;
    int error = check_id(c, bytes);
    if (error) return error;
    if (ranks < 1 || rank < 0 || rank >= ranks) return lean_comm_fail(LEAN_COMM_INVALID, "rank %d of %d", rank, ranks);
    struct lean_comm_group *g = calloc(1, sizeof *g);
    if (!g) return lean_comm_fail(LEAN_COMM_FAILED, "not enough memory");
    g->library = c;
    if (c->kind == LEAN_COMM_NCCL) {
        nccl_id by_value;
        memcpy(&by_value, id, sizeof by_value);
        error = c->comm_init_rank.nccl(&g->comm, ranks, by_value, rank);
    } else {
        oneccl_id by_value;
        memcpy(&by_value, id, sizeof by_value);
        error = c->set_device(device);
        if (error) {
            free(g);
            return failed(c, NULL, "SetDevice", error);
        }
        error = c->comm_init_rank.oneccl(&g->comm, (size_t)ranks, by_value, rank);
    }
    if (error) {
        free(g);
        return failed(c, NULL, "CommInitRank", error);
    }
    *group = g;
    return LEAN_COMM_OK;
}

int lean_comm_ccl_leave(lean_comm_group *g) {
    lean_comm_ccl *c = g->library;
    int error = g->aborted ? 0 : c->comm_destroy(g->comm);
    free(g);
    return error ? failed(c, NULL, "CommDestroy", error) : LEAN_COMM_OK;
}

int lean_comm_ccl_abort(lean_comm_group *g) {
    lean_comm_ccl *c = g->library;
    if (!c->comm_abort) return lean_comm_fail(LEAN_COMM_UNSUPPORTED, "%s cannot abort: what hangs ends with the process", c->name);
    if (g->aborted) return LEAN_COMM_OK;
    g->aborted = 1;
    int error = c->comm_abort(g->comm);
    return error ? failed(c, NULL, "CommAbort", error) : LEAN_COMM_OK;
}

int lean_comm_ccl_check(lean_comm_group *g) {
    lean_comm_ccl *c = g->library;
    int state = 0, error;
    if (!c->comm_get_async_error) return LEAN_COMM_OK;
    if (g->aborted) return failed_by_abort();
    error = c->comm_get_async_error(g->comm, &state);
    if (error) return failed(c, g->comm, "CommGetAsyncError", error);
    return state == 0 || state == NCCL_IN_PROGRESS ? LEAN_COMM_OK : failed(c, g->comm, "CommGetAsyncError", state);
}

static int ended(lean_comm_group *g, const char *what, int error) {
    return g->aborted ? failed_by_abort() : error ? failed(g->library, g->comm, what, error) : LEAN_COMM_OK;
}

int lean_comm_ccl_all_reduce(lean_comm_group *g, const void *send, void *receive, size_t count, int type, int op, void *stream) {
    return g->aborted ? failed_by_abort() : ended(g, "AllReduce", g->library->all_reduce(send, receive, count, type, op, g->comm, stream));
}

int lean_comm_ccl_all_gather(lean_comm_group *g, const void *send, void *receive, size_t count, int type, void *stream) {
    return g->aborted ? failed_by_abort() : ended(g, "AllGather", g->library->all_gather(send, receive, count, type, g->comm, stream));
}

int lean_comm_ccl_reduce_scatter(lean_comm_group *g, const void *send, void *receive, size_t count, int type, int op, void *stream) {
    return g->aborted ? failed_by_abort() : ended(g, "ReduceScatter", g->library->reduce_scatter(send, receive, count, type, op, g->comm, stream));
}

int lean_comm_ccl_broadcast(lean_comm_group *g, const void *send, void *receive, size_t count, int type, int root, void *stream) {
    return g->aborted ? failed_by_abort() : ended(g, "Broadcast", g->library->broadcast(send, receive, count, type, root, g->comm, stream));
}

int lean_comm_ccl_send(lean_comm_group *g, const void *data, size_t count, int type, int peer, void *stream) {
    return g->aborted ? failed_by_abort() : ended(g, "Send", g->library->send(data, count, type, peer, g->comm, stream));
}

int lean_comm_ccl_receive(lean_comm_group *g, void *data, size_t count, int type, int peer, void *stream) {
    return g->aborted ? failed_by_abort() : ended(g, "Recv", g->library->receive(data, count, type, peer, g->comm, stream));
}

int lean_comm_ccl_batch_begin(lean_comm_ccl *c) {
    int error = c->group_start();
    return error ? failed(c, NULL, "GroupStart", error) : LEAN_COMM_OK;
}

int lean_comm_ccl_batch_end(lean_comm_ccl *c) {
    int error = c->group_end();
    return error ? failed(c, NULL, "GroupEnd", error) : LEAN_COMM_OK;
}
