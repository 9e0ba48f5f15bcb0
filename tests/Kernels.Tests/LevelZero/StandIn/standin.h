/*
 * A Level Zero loader for tests: it implements the entry points that Lean calls, checks every call, and keeps the
 * commands until somebody waits for them, as a device may. Kernels run for real where a translator of SPIR-V is named:
 * their modules go through it to an OpenCL driver of the CPU (PoCL).
 *
 * LEAN_STANDIN_REPORT      a file that gets what was wrong, a line each, and a last line of counts, when the process ends
 * LEAN_STANDIN_TRANSLATOR  a shell script that turns SPIR-V (its first argument) into LLVM bitcode (the second); without one,
 *                          launches are checked and not run
 * LEAN_STANDIN_MEMORY      bytes of the device's memory
 * LEAN_STANDIN_FAULT       a planted fault: init (no driver starts), none (no device), old (Level Zero 1.3), ir (no SPIR-V),
 *                          threads (groups of 64), build (every module fails, with a log), lost (the device is gone once a
 *                          kernel runs)
 */
#ifndef STANDIN_H
#define STANDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOST_ARGUMENTS 64

/* An argument as the kernel's SPIR-V declares it. */
typedef struct {
    bool pointer;
    size_t size;    /* bytes that are set */
    size_t element; /* bytes of what a pointer points to */
} parameter;

typedef struct {
    uint32_t count;
    parameter parameters[MOST_ARGUMENTS];
    uint32_t group[3];
} signature;

/* Finds a kernel in a module; false where there is none or the module is no SPIR-V that it can read. */
bool spirv_find(const uint8_t *module, size_t size, const char *name, signature *found);
bool spirv_valid(const uint8_t *module, size_t size);

typedef struct {
    void *address;
    size_t bytes; /* to the end of its allocation */
    uint8_t value[16];
    size_t size;
} argument;

typedef struct program program;

/* Loads a module for execution; NULL, and why, where that cannot be done. */
program *program_load(const char *translator, const uint8_t *module, size_t size, const char **why);
bool program_run(program *p, const char *name, const signature *s, const argument *arguments, const uint32_t groups[3], const char **why);
void program_free(program *p);

#endif
