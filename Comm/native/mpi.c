/*
 * MPI for tensors in host memory: nothing but messages between two ranks, so that the order of every sum is Lean's own and
 * a wait can be given up. MPI fixes no binary interface: handles are pointers to the library's objects in Open MPI and
 * integers in MPICH and its kin. This is the one for Open MPI 4 and 5; others are refused by name.
 */
#include "common.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MPI_SUCCESS = 0, MPI_THREAD_SERIALIZED = 2, MPI_THREAD_MULTIPLE = 3, TEXT = 8192 };

/* Open MPI's MPI_Status, the same in 4 and 5. */
typedef struct {
    int source, tag, error, cancelled;
    size_t count;
} status_t;

static struct {
    void *library;
    int ready;
    void *world, *byte, *errors_return, *request_null;
    int (*get_library_version)(char *, int *);
    int (*initialized)(int *);
    int (*init_thread)(int *, char ***, int, int *);
    int (*comm_rank)(void *, int *);
    int (*comm_size)(void *, int *);
    int (*comm_set_errhandler)(void *, void *);
    int (*isend)(const void *, int, void *, int, int, void *, void **);
    int (*irecv)(void *, int, void *, int, int, void *, void **);
    int (*test)(void **, int *, status_t *);
    int (*get_count)(const status_t *, void *, int *);
    int (*error_string)(int, char *, int *);
    int (*finalize)(void);
} mpi;

static int failed(const char *what, int error) {
    char text[TEXT] = "";
    int length = 0;
    if (mpi.error_string) mpi.error_string(error, text, &length);
    return lean_comm_fail(LEAN_COMM_FAILED, "%s failed: %s (%d)", what, text, error);
}

int lean_comm_mpi_open(const char *file, char *text, size_t capacity) {
    static const struct { const char *name; void **place; } functions[] = {
        {"MPI_Initialized", (void **)&mpi.initialized},
        {"MPI_Init_thread", (void **)&mpi.init_thread},
        {"MPI_Comm_rank", (void **)&mpi.comm_rank},
        {"MPI_Comm_size", (void **)&mpi.comm_size},
        {"MPI_Comm_set_errhandler", (void **)&mpi.comm_set_errhandler},
        {"MPI_Isend", (void **)&mpi.isend},
        {"MPI_Irecv", (void **)&mpi.irecv},
        {"MPI_Test", (void **)&mpi.test},
        {"MPI_Get_count", (void **)&mpi.get_count},
        {"MPI_Error_string", (void **)&mpi.error_string},
        {"MPI_Finalize", (void **)&mpi.finalize},
        {"ompi_mpi_comm_world", &mpi.world},
        {"ompi_mpi_byte", &mpi.byte},
        {"ompi_mpi_errors_return", &mpi.errors_return},
        {"ompi_request_null", &mpi.request_null},
    };
    char version[TEXT] = "";
    int length = 0;
    if (!mpi.library) {
        /* .so.40 is Open MPI's since version 4, .so.12 MPICH's. */
        void *library = lean_comm_load(file ? file : "libmpi.so.40 libmpi.so libmpi.so.12", "MPI (libmpi.so.40 of Open MPI)");
        if (!library) return LEAN_COMM_MISSING;
        mpi.get_library_version = (int (*)(char *, int *))lean_comm_find(library, "MPI_Get_library_version", "MPI");
        if (!mpi.get_library_version) return LEAN_COMM_MISSING;
        mpi.get_library_version(version, &length);
        if (!dlsym(library, "ompi_mpi_comm_world"))
            return lean_comm_fail(LEAN_COMM_UNSUPPORTED, "this MPI is '%.60s', whose binary interface Lean does not speak: expected Open MPI 4 or 5", version);
        for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
            if (!(*functions[i].place = lean_comm_find(library, functions[i].name, "Open MPI"))) return LEAN_COMM_MISSING;
        mpi.library = library;
    } else {
        mpi.get_library_version(version, &length);
    }
    version[strcspn(version, ",\n")] = '\0';
    snprintf(text, capacity, "%s", version);
    return LEAN_COMM_OK;
}

int lean_comm_mpi_init(int *rank, int *ranks, int *threads) {
    int provided = 0, error, already = 0;
    if (!mpi.library) return lean_comm_fail(LEAN_COMM_INVALID, "MPI is not open");
    mpi.initialized(&already);
    if (!already && (error = mpi.init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided)) != MPI_SUCCESS) return failed("MPI_Init_thread", error);
    if (!already && provided < MPI_THREAD_SERIALIZED) return lean_comm_fail(LEAN_COMM_UNSUPPORTED, "this Open MPI was built without threads");
    /* Errors come back as codes; MPI would otherwise end the process by itself, without naming anybody. */
    if ((error = mpi.comm_set_errhandler(mpi.world, mpi.errors_return)) != MPI_SUCCESS) return failed("MPI_Comm_set_errhandler", error);
    if ((error = mpi.comm_rank(mpi.world, rank)) != MPI_SUCCESS) return failed("MPI_Comm_rank", error);
    if ((error = mpi.comm_size(mpi.world, ranks)) != MPI_SUCCESS) return failed("MPI_Comm_size", error);
    *threads = provided == MPI_THREAD_MULTIPLE;
    mpi.ready = 1;
    return LEAN_COMM_OK;
}

static int check(size_t bytes) {
    if (!mpi.ready) return lean_comm_fail(LEAN_COMM_INVALID, "MPI is not initialised");
    if (bytes > INT_MAX) return lean_comm_fail(LEAN_COMM_INVALID, "a message of %zu bytes, expected at most %d", bytes, INT_MAX);
    return LEAN_COMM_OK;
}

int lean_comm_mpi_send(const void *data, size_t bytes, int peer, int tag, void **request) {
    int error = check(bytes);
    if (error) return error;
    error = mpi.isend(data, (int)bytes, mpi.byte, peer, tag, mpi.world, request);
    return error == MPI_SUCCESS ? LEAN_COMM_OK : failed("MPI_Isend", error);
}

int lean_comm_mpi_receive(void *data, size_t bytes, int peer, int tag, void **request) {
    int error = check(bytes);
    if (error) return error;
    error = mpi.irecv(data, (int)bytes, mpi.byte, peer, tag, mpi.world, request);
    return error == MPI_SUCCESS ? LEAN_COMM_OK : failed("MPI_Irecv", error);
}

int lean_comm_mpi_test(void **request, int *done, size_t *bytes) {
    status_t status = {0};
    int count = 0, error;
    if (!mpi.ready) return lean_comm_fail(LEAN_COMM_INVALID, "MPI is not initialised");
    error = mpi.test(request, done, &status);
    if (error != MPI_SUCCESS) return failed("MPI_Test", error);
    if (*done) {
        *request = NULL;
        mpi.get_count(&status, mpi.byte, &count);
        *bytes = count < 0 ? 0 : (size_t)count;
    }
    return LEAN_COMM_OK;
}

int lean_comm_mpi_finalize(void) {
    if (!mpi.ready) return LEAN_COMM_OK;
    mpi.ready = 0;
    int error = mpi.finalize();
    return error == MPI_SUCCESS ? LEAN_COMM_OK : failed("MPI_Finalize", error);
}
