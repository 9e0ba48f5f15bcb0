#include "cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a parameter's declaration: ".param .align 8 .b8 _x_0[16]" or ".param .b32 _rows_1". */
static uint32_t parameter_bytes(const char *line, const char *end)
{
    const char *bracket = memchr(line, '[', (size_t)(end - line));
    if (bracket) {
        return (uint32_t)strtoul(bracket + 1, NULL, 10);
    }
    for (const char *at = line; at + 3 < end; at++) {
        if (at[0] == '.' && strchr("bsuf", at[1]) && at[2] >= '1' && at[2] <= '9') {
            return (uint32_t)strtoul(at + 2, NULL, 10) / 8;
        }
    }
    return 0;
}

bool ptx_find(const char *text, const char *name, signature *found)
{
    char entry[192];
    snprintf(entry, sizeof entry, ".entry %s(", name);
    const char *target = strstr(text, "\n.target sm_"), *at = strstr(text, entry);
    if (!target || !at) {
        return false;
    }
    memset(found, 0, sizeof *found);
    char *after;
    found->target = (uint32_t)strtoul(target + 12, &after, 10);
    found->exact = *after == 'a';
    const char *threads = strstr(at, ".maxntid "), *body = strstr(at, "\n{");
    if (!threads || !body || threads > body) {
        return false;
    }
    found->threads = (uint32_t)strtoul(threads + 9, NULL, 10);
    const char *cluster = strstr(at, ".reqnctapercluster ");
    found->cluster = cluster && cluster < body ? (uint32_t)strtoul(cluster + 19, NULL, 10) : 1;
    for (const char *p = strstr(at, ".param "); p && p < threads; p = strstr(p + 1, ".param ")) {
        const char *end = p + strcspn(p, ",\n");
        if (found->count == MOST_PARAMETERS || (found->sizes[found->count++] = parameter_bytes(p, end)) == 0) {
            return false;
        }
    }
    for (const char *s = strstr(body, ".shared .align "); s; s = strstr(s + 1, ".shared .align ")) {
        const char *bracket = strchr(s, '[');
        found->shared += bracket ? (uint32_t)strtoul(bracket + 1, NULL, 10) : 0;
    }
    return true;
}
