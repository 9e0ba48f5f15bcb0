/*
 * Stands in for NCCL or, compiled with -DONECCL, for oneCCL: takes every call, checks what can be checked, and writes down
 * the rest, a line each, for the test that loaded it. Nothing is moved.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "library.h"

static char report[1 << 16];
static size_t length;
static int communicators[8], next, fault, send_fault, end_fault;

static int note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(report + length, sizeof report - length, format, arguments);
    va_end(arguments);
    if (n > 0 && length + n + 1 < sizeof report) length += n;
    return fault;
}

/* For the test: what was called since the last time, and the code that calls return from now on. */
const char *standin_report(void) {
    static char copy[sizeof report];
    memcpy(copy, report, length + 1);
    report[length = 0] = '\0';
    return copy;
}

void standin_fault(int code) { fault = code; }
void standin_refuse(int send, int end) { send_fault = send, end_fault = end; }

static const char *who(void *comm) {
    for (int i = 0; i < next; i++)
        if (comm == &communicators[i]) return "comm";
    return "a communicator that is none";
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
    for (int i = 0; i < ID_BYTES; i++) id->bytes[i] = (char)(i * 7 + 1);
    return note("GetUniqueId\n");
}

int NAME(CommInitRank)(void **comm, count_t ranks, id_t_ id, int rank) {
    int whole = 1;
    for (int i = 0; i < ID_BYTES; i++) whole &= id.bytes[i] == (char)(i * 7 + 1);
    *comm = &communicators[next++ % 8];
    return note("CommInitRank ranks=%d rank=%d id=%s\n", (int)ranks, rank, whole ? "whole" : "broken");
}

#ifdef ONECCL
int onecclSetDevice(uint32_t device) { return note("SetDevice %u\n", device); }
#else
int ncclCommAbort(void *comm) { return note("CommAbort %s\n", who(comm)); }
int ncclCommGetAsyncError(void *comm, int *state) {
    *state = fault;
    (void)comm;
    return 0;
}
#endif

int NAME(CommDestroy)(void *comm) { return note("CommDestroy %s\n", who(comm)); }
const char *NAME(GetErrorString)(int code) { return code == 3 ? "internal error" : "some error"; }
const char *NAME(GetLastError)(void *comm) { return comm ? "peer 1 went away" : ""; }

int NAME(AllReduce)(const void *send, void *receive, size_t count, int type, int op, void *comm, void *stream) {
    return note("AllReduce %zu type=%d op=%d inplace=%d %s stream=%zu\n", count, type, op, send == receive, who(comm), (size_t)stream);
}
int NAME(AllGather)(const void *send, void *receive, size_t count, int type, void *comm, void *stream) {
    return note("AllGather %zu type=%d gap=%td %s stream=%zu\n", count, type, (char *)receive - (const char *)send, who(comm), (size_t)stream);
}
int NAME(ReduceScatter)(const void *send, void *receive, size_t count, int type, int op, void *comm, void *stream) {
    return note("ReduceScatter %zu type=%d op=%d gap=%td %s stream=%zu\n", count, type, op, (char *)receive - (const char *)send, who(comm), (size_t)stream);
}
int NAME(Broadcast)(const void *send, void *receive, size_t count, int type, int root, void *comm, void *stream) {
    return note("Broadcast %zu type=%d root=%d inplace=%d %s stream=%zu\n", count, type, root, send == receive, who(comm), (size_t)stream);
}
int NAME(Send)(const void *data, size_t count, int type, int peer, void *comm, void *stream) {
    return note("Send %zu type=%d peer=%d at=%zu %s stream=%zu\n", count, type, peer, (size_t)data, who(comm), (size_t)stream) | send_fault;
}
int NAME(Recv)(void *data, size_t count, int type, int peer, void *comm, void *stream) {
    return note("Recv %zu type=%d peer=%d at=%zu %s stream=%zu\n", count, type, peer, (size_t)data, who(comm), (size_t)stream);
}
int NAME(GroupStart)(void) { return note("GroupStart\n"); }
int NAME(GroupEnd)(void) { return note("GroupEnd\n") | end_fault; }
