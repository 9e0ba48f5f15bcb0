/*
 * The flat interface between Lean and the libraries that move tensors between ranks: MPI for host memory, NCCL and oneCCL
 * for devices. Libraries are found at run time; none is needed to build or to start the program.
 *
 * Every function returns one of the codes below; where it is not LEAN_COMM_OK, lean_comm_last_error() has a sentence, kept per
 * thread until its next call. Nothing here waits, except where a comment says so.
 */
#ifndef LEAN_COMM_H
#define LEAN_COMM_H

#include <stddef.h>
#include <stdint.h>

#define LEAN_COMM_VERSION 3
#define LEAN_COMM_API __attribute__((visibility("default")))

enum lean_comm_code {
    LEAN_COMM_OK = 0,
    LEAN_COMM_MISSING = 1,     /* the library, or a function of it, is not there */
    LEAN_COMM_UNSUPPORTED = 2, /* the library cannot do this, or is none that Lean knows */
    LEAN_COMM_INVALID = 3,     /* the caller's arguments are wrong */
    LEAN_COMM_FAILED = 4,      /* the library reported an error */
};

LEAN_COMM_API int lean_comm_version(void);
LEAN_COMM_API const char *lean_comm_last_error(void);

/* MPI: one per process. file is a path or NULL for the usual names. text gets the library's own description. */
LEAN_COMM_API int lean_comm_mpi_open(const char *file, char *text, size_t capacity);
/* Waits until all ranks have come. threads: whether several threads may call at once. */
LEAN_COMM_API int lean_comm_mpi_init(int *rank, int *ranks, int *threads);
LEAN_COMM_API int lean_comm_mpi_send(const void *data, size_t bytes, int peer, int tag, void **request);
LEAN_COMM_API int lean_comm_mpi_receive(void *data, size_t bytes, int peer, int tag, void **request);
/* done: whether the request is complete; then *request is NULL and bytes is what was received. */
LEAN_COMM_API int lean_comm_mpi_test(void **request, int *done, size_t *bytes);
/* Waits for all ranks. */
LEAN_COMM_API int lean_comm_mpi_finalize(void);

/* NCCL and oneCCL: one interface, one table. */
enum lean_comm_ccl_kind { LEAN_COMM_NCCL = 0, LEAN_COMM_ONECCL = 1 };

typedef struct lean_comm_ccl lean_comm_ccl;
typedef struct lean_comm_group lean_comm_group;

/* Of NCCL, NVLink multicast is off in this process unless its environment sets NCCL_NVLS_ENABLE; describe says so. */
LEAN_COMM_API int lean_comm_ccl_open(int kind, const char *file, lean_comm_ccl **library);
LEAN_COMM_API int lean_comm_ccl_describe(lean_comm_ccl *library, char *text, size_t capacity);
LEAN_COMM_API int lean_comm_ccl_id_size(lean_comm_ccl *library, size_t *bytes);
LEAN_COMM_API int lean_comm_ccl_id(lean_comm_ccl *library, void *id, size_t bytes);
/* Waits until all ranks of the group have come. device is oneCCL's; NCCL takes the thread's current one. */
LEAN_COMM_API int lean_comm_ccl_join(lean_comm_ccl *library, const void *id, size_t bytes, int ranks, int rank, uint32_t device, lean_comm_group **group);
LEAN_COMM_API int lean_comm_ccl_leave(lean_comm_group *group);
/*
 * Ends what hangs on the device, and lets other threads out of calls of the group. oneCCL has no such call. Afterwards every call
 * fails; the group is left as any other, once no thread is inside.
 */
LEAN_COMM_API int lean_comm_ccl_abort(lean_comm_group *group);
/* Whether queued work has failed so far. */
LEAN_COMM_API int lean_comm_ccl_check(lean_comm_group *group);
/* type and op are the libraries' own numbers, which are the same in both. stream: a CUstream, or NULL for host memory of oneCCL. */
LEAN_COMM_API int lean_comm_ccl_all_reduce(lean_comm_group *group, const void *send, void *receive, size_t count, int type, int op, void *stream);
LEAN_COMM_API int lean_comm_ccl_all_gather(lean_comm_group *group, const void *send, void *receive, size_t count, int type, void *stream);
LEAN_COMM_API int lean_comm_ccl_reduce_scatter(lean_comm_group *group, const void *send, void *receive, size_t count, int type, int op, void *stream);
LEAN_COMM_API int lean_comm_ccl_broadcast(lean_comm_group *group, const void *send, void *receive, size_t count, int type, int root, void *stream);
LEAN_COMM_API int lean_comm_ccl_send(lean_comm_group *group, const void *data, size_t count, int type, int peer, void *stream);
LEAN_COMM_API int lean_comm_ccl_receive(lean_comm_group *group, void *data, size_t count, int type, int peer, void *stream);
/* What lies between the two is one operation: sends and receives of an all-to-all, of any counts. */
LEAN_COMM_API int lean_comm_ccl_batch_begin(lean_comm_ccl *library);
LEAN_COMM_API int lean_comm_ccl_batch_end(lean_comm_ccl *library);

#endif
