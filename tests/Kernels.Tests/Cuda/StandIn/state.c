#include "cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_OBJECTS 65536
#define MOST_ALLOCATIONS 16384

static const char *const names[KINDS] = {"nothing", "stream", "event", "module", "function", "graph", "executable graph"};
static object *objects[MOST_OBJECTS];
static uint32_t object_count = 1;
static allocation allocations[MOST_ALLOCATIONS];
static uint32_t allocation_count;
static size_t used[MOST_CARDS + 1];
static unsigned long launches, copies, replays;
static unsigned long lost_since; /* the planting that took the card, or 0: the first is number 1 */

bool is_lost(void)
{
    return lost_since == plantings();
}

__attribute__((destructor)) static void finish(void)
{
    FILE *file = report_open();
    if (!file) {
        return;
    }
    bool lost = is_lost();
    /* A lost card frees nothing any more, and nobody is asked to. */
    uint32_t live = 0;
    for (uint32_t i = 1; i < object_count && !lost; i++) {
        if (objects[i]->alive && objects[i]->kind != FUNCTION) {
            wrong("a %s was never destroyed", names[objects[i]->kind]);
            live++;
        }
    }
    for (uint32_t i = 0; i < allocation_count && !lost; i++) {
        if (allocations[i].alive) {
            wrong("%zu bytes were never freed", allocations[i].bytes);
            live++;
        }
    }
    report_write(file);
    fprintf(file, ", %lu launches, %lu replays, %lu copies, %u live\n", launches, replays, copies, live);
    fclose(file);
}

/* Handles are numbers that no pointer is, so that any other value is known for what it is. */
static void *handle_of(uint32_t index, kind k)
{
    return (void *)(uintptr_t)(0xbe00000000000000u | (uint64_t)k << 32 | index);
}

object *known(const void *handle, kind k, const char *call)
{
    uint32_t index = (uint32_t)(uintptr_t)handle;
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

void *create(kind k, object **made)
{
    if (object_count == MOST_OBJECTS) {
        abort();
    }
    object *o = calloc(1, sizeof *o);
    o->kind = k;
    o->alive = true;
    o->card = entered;
    *made = objects[object_count] = o;
    return handle_of(object_count++, k);
}

static void drop(object *o)
{
    while (o->first) {
        command *c = o->first;
        o->first = c->next;
        free(c);
    }
    o->last = NULL;
}

bool destroy(void *handle, kind k, const char *call)
{
    object *o = known(handle, k, call);
    if (!o) {
        return false;
    }
    if (o->kind == STREAM && o->first && !is_lost()) {
        wrong("%s: the stream still has work", call);
    }
    drop(o);
    free(o->text);
    o->text = NULL;
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

bool memory_holds(const void *address, size_t bytes, const char *what)
{
    allocation *a = memory_find(address);
    if (!a) {
        wrong("%s: %p lies in no allocation", what, address);
        return false;
    }
    if ((size_t)((const uint8_t *)address - a->address) + bytes > a->bytes) {
        wrong("%s: %zu bytes at byte %td of an allocation of %zu", what, bytes, (const uint8_t *)address - a->address, a->bytes);
        return false;
    }
    if (!a->host && !reaches(a->card)) {
        wrong("%s: %p is the memory of a card that this one does not reach", what, address);
        return false;
    }
    return true;
}

size_t memory_total(void)
{
    const char *text = getenv("LEAN_STANDIN_MEMORY");
    return text ? strtoull(text, NULL, 10) : (size_t)8 << 30;
}

size_t memory_left(void)
{
    return memory_total() - used[entered];
}

int memory_new(size_t bytes, bool host, void **address)
{
    if (bytes == 0 || (!host && bytes > memory_left())) {
        return bytes == 0 ? INVALID_VALUE : OUT_OF_MEMORY;
    }
    uint32_t place = 0;
    while (place < allocation_count && allocations[place].alive) {
        place++;
    }
    /* Zeros: what kernels would have written is then token 0 and no fault. */
    if (place == MOST_ALLOCATIONS || posix_memalign(address, 256, bytes) != 0) {
        return OUT_OF_MEMORY;
    }
    memset(*address, 0, bytes);
    allocations[place] = (allocation){*address, bytes, host, true, entered};
    allocation_count += place == allocation_count ? 1 : 0;
    used[entered] += host ? 0 : bytes;
    return SUCCESS;
}

int memory_free(void *address, bool host, const char *call)
{
    allocation *a = memory_find(address);
    if (!a || a->address != address || a->host != host) {
        wrong("%s: %p is no allocation of that kind", call, address);
        return INVALID_VALUE;
    }
    if (queue_names(a->address, a->bytes, NULL)) {
        wrong("%s: queued work has yet to use the memory", call);
    }
    used[a->card] -= host ? 0 : a->bytes;
    a->alive = false;
    free(address);
    return SUCCESS;
}

command *queue_add(object *stream, verb v)
{
    command *c = calloc(1, sizeof *c);
    c->verb = v;
    c->rows = 1;
    *(stream->last ? &stream->last->next : &stream->first) = c;
    stream->last = c;
    return c;
}

void queue_append(object *stream, const object *executable)
{
    replays++;
    for (const command *c = executable->first; c; c = c->next) {
        command *copy = queue_add(stream, c->verb), *next = copy->next;
        *copy = *c;
        copy->next = next;
        for (uint32_t i = 0; i < c->named_count; i++) {
            memory_holds(c->named[i], 1, "cuGraphLaunch");
        }
    }
}

void queue_move(object *stream, object *graph)
{
    graph->first = stream->first;
    graph->last = stream->last;
    stream->first = stream->last = NULL;
}

bool leave_branches(const object *origin)
{
    bool any = false;
    for (uint32_t i = 1; i < object_count; i++) {
        if (objects[i]->alive && objects[i]->kind == STREAM && objects[i]->origin == origin) {
            objects[i]->origin = NULL;
            any = true;
        }
    }
    return any;
}

static bool within(const void *address, const uint8_t *first, size_t bytes)
{
    return (const uint8_t *)address >= first && (const uint8_t *)address < first + bytes;
}

bool queue_names(const uint8_t *first, size_t bytes, const object *event)
{
    for (uint32_t i = 1; i < object_count; i++) {
        for (command *c = objects[i]->alive && objects[i]->kind == STREAM ? objects[i]->first : NULL; c; c = c->next) {
            bool names_it = (event && c->event == event) || (bytes > 0 && (within(c->target, first, bytes) || within(c->source, first, bytes)));
            for (uint32_t a = 0; a < c->named_count && bytes > 0; a++) {
                names_it |= within(c->named[a], first, bytes);
            }
            if (names_it) {
                return true;
            }
        }
    }
    return false;
}

static void run(command *c)
{
    switch (c->verb) {
    case COPY:
        copies++;
        for (size_t r = 0; r < c->rows; r++) {
            memmove(c->target + r * c->target_pitch, c->source + r * c->source_pitch, c->width);
        }
        break;
    case FILL:
        for (size_t r = 0; r < c->rows; r++) {
            memset(c->target + r * c->target_pitch, c->value, c->width);
        }
        break;
    case LAUNCH:
        launches++;
        if (strncmp(planted_fault(), "lost:", 5) == 0 && launches >= strtoul(planted_fault() + 5, NULL, 10)) {
            lost_since = plantings();
        }
        break;
    case MARK:
        c->event->reached = true;
        break;
    }
}

int queue_run(object *stream, const object *until)
{
    bool reached = false;
    while (stream->first && !reached && !is_lost()) {
        command *c = stream->first;
        run(c);
        reached = until && c->verb == MARK && c->event == until;
        stream->first = c->next;
        stream->last = c->next ? stream->last : NULL;
        free(c);
    }
    return is_lost() ? LAUNCH_FAILED : SUCCESS;
}

int queue_reach(object *event)
{
    for (uint32_t i = 1; i < object_count && event->recorded && !event->reached; i++) {
        for (command *c = objects[i]->alive && objects[i]->kind == STREAM ? objects[i]->first : NULL; c; c = c->next) {
            if (c->event == event) {
                int error = queue_run(objects[i], event);
                if (error != SUCCESS) {
                    return error;
                }
                break;
            }
        }
    }
    return is_lost() ? LAUNCH_FAILED : SUCCESS;
}
