/* What every stand-in for a driver says of the calls it saw, and the faults that tests plant in it. */
#ifndef STANDIN_REPORT_H
#define STANDIN_REPORT_H

#include <stdbool.h>
#include <stdio.h>

/* Notes a call that was wrong. */
void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The planted fault, from LEAN_STANDIN_FAULT or a test in this process, and how many were planted so far. */
bool fault(const char *name);
const char *planted_fault(void);
unsigned long plantings(void);

/* The report's file (LEAN_STANDIN_REPORT), or NULL; after the last wrong(), the lines and their number. */
FILE *report_open(void);
void report_write(FILE *file);

#endif
