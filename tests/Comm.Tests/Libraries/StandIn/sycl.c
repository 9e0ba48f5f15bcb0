/* Stands in for liblean-sycl.so: writes down what it is called with. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static char report[256];

const char *standin_report(void) {
    static char copy[sizeof report];
    memcpy(copy, report, sizeof report);
    report[0] = '\0';
    return copy;
}

int lean_sycl_queue(void *context, void *device, void *list, void **queue, char *error, size_t capacity) {
    if (!context) return snprintf(error, capacity, "no such context");
    sprintf(report, "queue context=%zx device=%zx list=%zx\n", (size_t)context, (size_t)device, (size_t)list);
    *queue = (void *)0x1234;
    return 0;
}

void lean_sycl_release(void *queue) { sprintf(report + strlen(report), "release %zx\n", (size_t)queue); }
