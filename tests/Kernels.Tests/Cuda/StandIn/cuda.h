/*
 * A CUDA driver for tests: it implements the entry points that Lean calls, checks every call against the driver API
 * reference, and keeps copies and launches until somebody waits for them, as a card may. Copies are done; kernels are
 * checked and not run, so what they would have written stays zero.
 *
 * LEAN_STANDIN_REPORT  a file that gets what was wrong, a line each, and a last line of counts, when the process ends
 * LEAN_STANDIN_MEMORY  bytes of the card's memory
 * LEAN_STANDIN_FAULT   a planted fault: init (the driver finds no card), stub (the toolkit's library), none (no card is
 *                      visible), card (an old one), driver (an old one), ptx (which refuses what is newer than it), build (no
 *                      program compiles, with a log), lost:N (the Nth kernel to run takes the card with it),
 *                      cards:N (there are N, which reach each other's memory), cards:N:apart (which do not)
 */
#ifndef CUDA_STANDIN_H
#define CUDA_STANDIN_H

#include "report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOST_CARDS 8
#define FIRST_CARD 7
#define MOST_PARAMETERS 64
#define MAP_BYTES 128

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_CONTEXT = 201, PEER_UNSUPPORTED = 217, BUILD_FAILED = 218,
       OLD_DRIVER = 222, INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600, PEER_ENABLED = 704, LAUNCH_FAILED = 719, CAPTURING = 900, UNJOINED = 904 };

typedef enum { NOTHING, STREAM, EVENT, MODULE, FUNCTION, GRAPH, EXECUTABLE, KINDS } kind;

typedef struct {
    uint32_t count, sizes[MOST_PARAMETERS];
    uint32_t threads, target, cluster;
    bool exact; /* sm_90a runs on 9.0 alone */
    uint32_t shared; /* bytes that the text declares */
} signature;

/* Finds a kernel in a PTX text. */
bool ptx_find(const char *text, const char *name, signature *found);

typedef enum { COPY, FILL, LAUNCH, MARK } verb;

typedef struct command {
    verb verb;
    uint8_t *target;
    const uint8_t *source;
    size_t width, rows, target_pitch, source_pitch;
    uint8_t value;
    struct object *event;
    const uint8_t *named[MOST_PARAMETERS]; /* memory that a kernel was given */
    uint32_t named_count;
    struct command *next;
} command;

typedef struct object {
    kind kind;
    bool alive;
    int card; /* whose context was current when it was made */
    command *first, *last; /* STREAM: what is queued; GRAPH and EXECUTABLE: what was captured */
    struct object *origin; /* STREAM: whose capture it is a branch of; EVENT: the stream that was captured when it was recorded */
    bool loose;            /* STREAM: a branch with work behind its last event */
    bool recorded, reached; /* EVENT */
    char *text;            /* MODULE */
    struct object *module; /* FUNCTION */
    char name[128];
    signature signature;
    uint32_t most_shared;
    bool large_clusters;
} object;

typedef struct {
    uint8_t *address;
    size_t bytes;
    bool host, alive;
    int card;
} allocation;

/* The card whose context is the thread's, from 1 on; 0 where none is. */
extern __thread int entered;
/* Whether kernels and copies of that card may use another one's memory. */
bool reaches(int card);

object *known(const void *handle, kind k, const char *call);
void *create(kind k, object **made);
bool destroy(void *handle, kind k, const char *call);

allocation *memory_find(const void *address);
bool memory_holds(const void *address, size_t bytes, const char *what);
int memory_new(size_t bytes, bool host, void **address);
int memory_free(void *address, bool host, const char *call);
size_t memory_total(void);
size_t memory_left(void);

/* Adds to a stream: to its queue, or to what it captures. */
command *queue_add(object *stream, verb v);
/* Puts a captured graph's commands into a stream. */
void queue_append(object *stream, const object *executable);
/* Moves what a stream has captured into a graph. */
void queue_move(object *stream, object *graph);
/* Runs a stream's commands, up to the mark of an event where one is given. */
int queue_run(object *stream, const object *until);
/* Runs whatever leads up to an event. */
int queue_reach(object *event);
/* Takes streams out of a capture that they are branches of; whether there were any. */
bool leave_branches(const object *origin);
/* Whether a command that has yet to run names the memory or the event. */
bool queue_names(const uint8_t *first, size_t bytes, const object *event);
bool is_lost(void);

#endif
