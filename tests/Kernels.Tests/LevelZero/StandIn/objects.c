#include "objects.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_OBJECTS 65536
#define MOST_ALLOCATIONS 65536

static const char *const names[KINDS] = {"nothing", "driver", "device", "context", "command list", "event pool", "event", "module", "build log", "kernel"};
static object *objects[MOST_OBJECTS];
static uint32_t object_count = 1;
static allocation allocations[MOST_ALLOCATIONS];
static uint32_t allocation_count;
static size_t used;
static char translator[4096];
static uint64_t ticks = 0xfffffff0; /* timestamps of 32 bits, about to wrap */
unsigned long launches, copies;

/* For tests in this process; elsewhere the environment says it. */
void standin_translator(const char *path)
{
    snprintf(translator, sizeof translator, "%s", path);
}

static uint32_t live(void)
{
    uint32_t count = 0;
    for (uint32_t i = 1; i < object_count; i++) {
        count += objects[i]->alive && objects[i]->kind > DEVICE ? 1 : 0;
    }
    for (uint32_t i = 0; i < allocation_count; i++) {
        count += allocations[i].alive ? 1 : 0;
    }
    return count;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("LEAN_STANDIN_TRANSLATOR");
    standin_translator(path ? path : "");
}

__attribute__((destructor)) static void finish(void)
{
    FILE *file = report_open();
    if (!file) {
        return;
    }
    for (uint32_t i = 1; i < object_count; i++) {
        if (objects[i]->alive && objects[i]->kind > DEVICE && objects[i]->kind != EVENT) {
            wrong("a %s was never destroyed%s%s", names[objects[i]->kind], objects[i]->name[0] ? ": " : "", objects[i]->name);
        }
    }
    for (uint32_t i = 0; i < allocation_count; i++) {
        if (allocations[i].alive) {
            wrong("%zu bytes were never freed", allocations[i].bytes);
        }
    }
    report_write(file);
    fprintf(file, ", %lu launches, %lu copies, %u live\n", launches, copies, live());
    fclose(file);
}

/* Handles are numbers that no pointer is, so that any other value is known for what it is. */
static void *handle_of(uint32_t index, kind k)
{
    return (void *)(uintptr_t)(0xbe00000000000000u | (uint64_t)k << 32 | index);
}

object *known(const void *handle, kind k, const char *call)
{
    uint64_t value = (uintptr_t)handle;
    uint32_t index = (uint32_t)value;
    if (index == 0 || index >= object_count || handle != handle_of(index, k)) {
        wrong("%s: %p is no %s", call, handle, names[k]);
        return NULL;
    }
    if (!objects[index]->alive) {
        wrong("%s: the %s was destroyed before", call, names[k]);
        return NULL;
    }
    return objects[index];
}

void *create(kind k, object *parent, object **made)
{
    if (object_count == MOST_OBJECTS) {
        abort();
    }
    object *o = calloc(1, sizeof *o);
    o->kind = k;
    o->alive = true;
    o->parent = parent;
    if (parent) {
        parent->children++;
    }
    *made = objects[object_count] = o;
    return handle_of(object_count++, k);
}

bool destroy(void *handle, kind k, const char *call)
{
    object *o = known(handle, k, call);
    if (!o) {
        return false;
    }
    if (o->children > 0) {
        wrong("%s: the %s still has %u objects that were made of it", call, names[k], o->children);
    }
    if (o->parent) {
        o->parent->children--;
    }
    o->alive = false;
    return true;
}

allocation *memory_find(const void *address)
{
    for (uint32_t i = allocation_count; i-- > 0;) {
        allocation *a = &allocations[i];
        if (a->alive && (const uint8_t *)address >= a->address && (const uint8_t *)address < a->address + a->bytes) {
            return a;
        }
    }
    return NULL;
}

bool memory_check(const void *address, size_t bytes, bool host_allowed, const char *what)
{
    allocation *a = memory_find(address);
    if (!a) {
        if (!host_allowed) {
            wrong("%s: %p lies in no allocation", what, address);
        }
        return host_allowed && address;
    }
    if ((size_t)((const uint8_t *)address - a->address) + bytes > a->bytes) {
        wrong("%s: %zu bytes at byte %td of an allocation of %zu", what, bytes, (const uint8_t *)address - a->address, a->bytes);
        return false;
    }
    return true;
}

size_t memory_total(void)
{
    const char *text = getenv("LEAN_STANDIN_MEMORY");
    return text ? strtoull(text, NULL, 10) : (size_t)8 << 30;
}

size_t memory_used(void)
{
    return used;
}

int memory_new(size_t bytes, size_t alignment, bool host, void **address)
{
    if (bytes == 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) {
        wrong("an allocation of %zu bytes, aligned to %zu", bytes, alignment);
        return INVALID_ARGUMENT;
    }
    if (!host && bytes > memory_total() - used) {
        return OUT_OF_DEVICE_MEMORY;
    }
    uint32_t free_place = 0;
    while (free_place < allocation_count && allocations[free_place].alive) {
        free_place++;
    }
    if (free_place == MOST_ALLOCATIONS || posix_memalign(address, alignment < 64 ? 64 : alignment, bytes) != 0) {
        return OUT_OF_HOST_MEMORY;
    }
    /* Nobody may count on zeros: every float is NaN. */
    memset(*address, 0xff, bytes < (1u << 26) ? bytes : 1u << 26);
    allocations[free_place] = (allocation){*address, bytes, host, true};
    allocation_count += free_place == allocation_count ? 1 : 0;
    used += host ? 0 : bytes;
    return SUCCESS;
}

int memory_free(void *address)
{
    allocation *a = memory_find(address);
    if (!a || a->address != address) {
        wrong("zeMemFree: %p is no allocation", address);
        return INVALID_ARGUMENT;
    }
    if (queue_names_memory(a->address, a->bytes)) {
        wrong("zeMemFree: queued work has yet to use the memory");
    }
    used -= a->host ? 0 : a->bytes;
    a->alive = false;
    free(address);
    return SUCCESS;
}

command *queue_add(object *list, verb v)
{
    command *c = calloc(1, sizeof *c);
    c->verb = v;
    c->rows = 1;
    if (list->last) {
        list->last->next = c;
    } else {
        list->first = c;
    }
    list->last = c;
    return c;
}

static bool within(const void *address, const uint8_t *first, size_t bytes)
{
    return (const uint8_t *)address >= first && (const uint8_t *)address < first + bytes;
}

bool queue_names_memory(const uint8_t *address, size_t bytes)
{
    for (uint32_t i = 1; i < object_count; i++) {
        for (command *c = objects[i]->first; c; c = c->next) {
            bool names_it = within(c->target, address, bytes) || within(c->source, address, bytes);
            for (uint32_t a = 0; a < c->signature.count; a++) {
                names_it |= within(c->arguments[a].address, address, bytes);
            }
            if (names_it) {
                return true;
            }
        }
    }
    return false;
}

bool queue_names(const object *used)
{
    for (uint32_t i = 1; i < object_count; i++) {
        for (command *c = objects[i]->first; c; c = c->next) {
            if (c->event == used || c->kernel == used) {
                return true;
            }
        }
    }
    return false;
}

static void launch(command *c)
{
    object *module = c->kernel->parent;
    const char *why = NULL;
    launches++;
    if (!translator[0]) {
        return;
    }
    module->program = module->program ? module->program : program_load(translator, module->bytes, module->size, &why);
    if (!module->program || !program_run(module->program, c->kernel->name, &c->signature, c->arguments, c->groups, &why)) {
        wrong("the stand-in cannot run %s: %s", c->kernel->name, why);
    }
}

static int run(command *c)
{
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    switch (c->verb) {
    case COPY:
        copies++;
        for (size_t r = 0; r < c->rows; r++) {
            memmove(c->target + r * c->target_pitch, c->source + r * c->source_pitch, c->width);
        }
        break;
    case FILL:
        memset(c->target, c->value, c->width);
        break;
    case LAUNCH:
        if (fault("lost")) {
            return DEVICE_LOST;
        }
        launch(c);
        break;
    case WAIT:
        return queue_reach(c->event);
    case SIGNAL:
        break;
    }
    if (c->event) {
        clock_gettime(CLOCK_MONOTONIC, &after);
        int64_t spent = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
        c->event->start = ticks & 0xffffffff;
        ticks += 32 + (uint64_t)spent / 52;
        c->event->end = ticks & 0xffffffff;
        if (c->event->signaled) {
            wrong("an event happens that has happened and was not reset");
        }
        c->event->signaled = true;
    }
    return SUCCESS;
}

int queue_run(object *list, const object *until)
{
    while (list->first) {
        command *c = list->first;
        int error = run(c);
        bool reached = until && c->event == until && c->verb != WAIT;
        /* A lost device forgets what it was asked. */
        do {
            c = list->first;
            list->first = c->next;
            list->last = c->next ? list->last : NULL;
            free(c);
        } while (error != SUCCESS && list->first);
        if (error != SUCCESS || reached) {
            return error;
        }
    }
    return SUCCESS;
}

int queue_reach(object *event)
{
    for (uint32_t i = 1; i < object_count && !event->signaled; i++) {
        for (command *c = objects[i]->first; c; c = c->next) {
            if (c->event == event && c->verb != WAIT) {
                int error = queue_run(objects[i], event);
                if (error != SUCCESS) {
                    return error;
                }
                break;
            }
        }
    }
    if (!event->signaled) {
        wrong("somebody waits for an event that nothing will signal");
    }
    return SUCCESS;
}
