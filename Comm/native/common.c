#include "common.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char last_error[1024];

int lean_comm_version(void) { return LEAN_COMM_VERSION; }

const char *lean_comm_last_error(void) { return last_error; }

int lean_comm_fail(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return code;
}

void *lean_comm_load(const char *names, const char *what) {
    char name[512];
    char first_error[512] = "";
    const char *rest = names;
    while (*rest) {
        size_t length = strcspn(rest, " ");
        if (length < sizeof name) {
            memcpy(name, rest, length);
            name[length] = '\0';
            /* Open MPI's own plugins look for its symbols among the global ones. */
            void *library = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
            if (library) return library;
            const char *error = dlerror();
            if (!first_error[0]) snprintf(first_error, sizeof first_error, "%s", error ? error : "no reason given");
        }
        rest += length;
        rest += strspn(rest, " ");
    }
    lean_comm_fail(LEAN_COMM_MISSING, "%s cannot be loaded: %s", what, first_error);
    return NULL;
}

void *lean_comm_find(void *library, const char *name, const char *what) {
    void *symbol = dlsym(library, name);
    if (!symbol) lean_comm_fail(LEAN_COMM_MISSING, "%s has no %s: another version of it is needed", what, name);
    return symbol;
}
