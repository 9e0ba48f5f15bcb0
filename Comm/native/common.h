/* What the parts of the shim share. */
#ifndef LEAN_COMM_COMMON_H
#define LEAN_COMM_COMMON_H

#include "lean_comm.h"

/* Keeps a sentence for lean_comm_last_error and returns the code. */
int lean_comm_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Opens the first of some libraries, separated by spaces; NULL with a sentence that names the first one. */
void *lean_comm_load(const char *names, const char *what);

/* A function of a library; NULL with a sentence. */
void *lean_comm_find(void *library, const char *name, const char *what);

#endif
