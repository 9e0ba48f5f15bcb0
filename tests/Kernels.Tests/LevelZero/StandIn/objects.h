/* What the stand-in knows of each handle that it gave out, of memory, and of queued commands. */
#ifndef OBJECTS_H
#define OBJECTS_H

#include "report.h"
#include "standin.h"

typedef enum { NOTHING, DRIVER, DEVICE, CONTEXT, LIST, POOL, EVENT, MODULE, LOG, KERNEL, KINDS } kind;

typedef struct object object;

typedef enum { COPY, FILL, SIGNAL, WAIT, LAUNCH } verb;

typedef struct command {
    verb verb;
    uint8_t *target;
    const uint8_t *source;
    size_t width, rows, target_pitch, source_pitch; /* a copy of one row is a copy of width bytes */
    uint8_t value;
    object *event; /* signalled at the end, or waited for */
    object *kernel;
    signature signature;
    argument arguments[MOST_ARGUMENTS];
    uint32_t groups[3];
    struct command *next;
} command;

struct object {
    kind kind;
    bool alive;
    object *parent;
    uint32_t children;
    /* LIST */
    command *first, *last;
    /* POOL */
    uint32_t count;
    bool timestamps;
    uint64_t taken[4];
    /* EVENT */
    uint32_t index;
    bool signaled;
    uint64_t start, end;
    /* MODULE and LOG */
    uint8_t *bytes;
    size_t size;
    program *program;
    /* KERNEL */
    char name[128];
    signature signature;
    uint32_t group[3];
    bool set[MOST_ARGUMENTS];
    argument arguments[MOST_ARGUMENTS];
};

/* A live object of a kind, or NULL, which has then been reported. */
object *known(const void *handle, kind k, const char *call);
void *create(kind k, object *parent, object **made);
bool destroy(void *handle, kind k, const char *call);

/* Memory: whether an address range lies in one allocation (or, where hosts may be meant, in none). */
typedef struct {
    uint8_t *address;
    size_t bytes;
    bool host, alive;
} allocation;

allocation *memory_find(const void *address);
bool memory_check(const void *address, size_t bytes, bool host_allowed, const char *what);
int memory_new(size_t bytes, size_t alignment, bool host, void **address);
int memory_free(void *address);
size_t memory_total(void);
size_t memory_used(void);

/* Commands. */
command *queue_add(object *list, verb v);
bool queue_names_memory(const uint8_t *address, size_t bytes);
bool queue_names(const object *used);
/* Runs a list's commands, up to the one that signals an event where one is given. */
int queue_run(object *list, const object *until);
/* Runs whatever leads up to an event. */
int queue_reach(object *event);

extern unsigned long launches, copies;

enum { SUCCESS = 0, NOT_READY = 1, DEVICE_LOST = 0x70000001, OUT_OF_HOST_MEMORY = 0x70000002, OUT_OF_DEVICE_MEMORY = 0x70000003, BUILD_FAILURE = 0x70000004,
       UNINITIALIZED = 0x78000001, INVALID_ARGUMENT = 0x78000004, INVALID_HANDLE = 0x78000005, UNSUPPORTED_SIZE = 0x78000009,
       INVALID_BINARY = 0x7800000f, INVALID_NAME = 0x78000011, INVALID_GROUP_SIZE = 0x78000013, INVALID_INDEX = 0x78000015, INVALID_SIZE = 0x78000016 };

#endif
