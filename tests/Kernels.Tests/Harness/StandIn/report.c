#include "report.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static char report[1 << 16];
static size_t report_length;
static unsigned long wrongs, planting_count;
static char planted[64];

void wrong(const char *format, ...)
{
    wrongs++;
    if (report_length + 512 < sizeof report) {
        va_list list;
        va_start(list, format);
        report_length += (size_t)vsnprintf(report + report_length, 500, format, list);
        va_end(list);
        report[report_length++] = '\n';
    }
}

bool fault(const char *name)
{
    return strcmp(planted, name) == 0;
}

const char *planted_fault(void)
{
    return planted;
}

unsigned long plantings(void)
{
    return planting_count;
}

/* For tests in this process; elsewhere the environment says it. */
void standin_fault(const char *name)
{
    snprintf(planted, sizeof planted, "%s", name);
    planting_count++;
}

/* Copies what was wrong so far; returns how often something was. */
unsigned long standin_wrongs(char *text, size_t size)
{
    snprintf(text, size, "%.*s", (int)report_length, report);
    return wrongs;
}

FILE *report_open(void)
{
    const char *path = getenv("LEAN_STANDIN_REPORT");
    return path ? fopen(path, "a") : NULL;
}

void report_write(FILE *file)
{
    fprintf(file, "%.*s%lu wrong", (int)report_length, report, wrongs);
}

__attribute__((constructor)) static void begin(void)
{
    const char *name = getenv("LEAN_STANDIN_FAULT");
    standin_fault(name ? name : "");
}
