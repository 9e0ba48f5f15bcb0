/* Finds liblean-sycl.so (sycl.cpp), which is there only where DPC++ was when Lean was built. */
#include "common.h"

#include <stddef.h>

static const char what[] = "the SYCL part of Lean (liblean-sycl.so, built where DPC++ is found)";

int lean_comm_sycl_queue(const char *file, void *context, void *device, void *list, void **queue) {
    *queue = NULL;
    void *library = lean_comm_load(file ? file : "liblean-sycl.so", what);
    if (!library) return LEAN_COMM_MISSING;
    int (*make)(void *, void *, void *, void **, char *, size_t) = lean_comm_find(library, "lean_sycl_queue", what);
    if (!make) return LEAN_COMM_MISSING;
    char error[256] = "";
    return make(context, device, list, queue, error, sizeof error) ? lean_comm_fail(LEAN_COMM_FAILED, "SYCL takes no queue of Level Zero: %s", error) : LEAN_COMM_OK;
}

int lean_comm_sycl_release(const char *file, void *queue) {
    void *library = lean_comm_load(file ? file : "liblean-sycl.so", what);
    void (*release)(void *) = library ? lean_comm_find(library, "lean_sycl_release", what) : NULL;
    if (!release) return LEAN_COMM_MISSING;
    release(queue);
    return LEAN_COMM_OK;
}
